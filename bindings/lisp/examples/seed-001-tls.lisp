;;;; Seed 001, "TLS Server".

(defpackage #:example-tls (:use #:common-lisp) (:local-nicknames (#:net #:socketpoll/net)))
(in-package #:example-tls)

(defun secure-handler (request)
  (declare (ignore request))
  "safe")

(net:with-tls-server (server :port 8443 
                             :cert-file "server.crt"
                             :key-file "server.key")
  (net:route server "GET" "/" #'secure-handler))
