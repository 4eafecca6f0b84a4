;;;; Seed 001, "HTTP/1.1 Client": signals NOT-BUILT-IN until there is one.

(defpackage #:example-client (:use #:common-lisp) (:local-nicknames (#:net #:socketpoll/net)))
(in-package #:example-client)

(net:with-http-client (client)
  (net:get client "https://api.example.com/data" 
           :headers '(("Authorization" . "Bearer token")))
  (net:post client "https://api.example.com/submit"
            :json '(("name" . "value"))))
