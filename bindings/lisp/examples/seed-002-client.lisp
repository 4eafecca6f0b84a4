;;;; Seed 002, "TCP Client": reads the line of seed-002-server.lisp.

(defpackage #:example-tcp-client (:use #:common-lisp) (:local-nicknames (#:net #:socketpoll/net)))
(in-package #:example-tcp-client)

;; TCP Client  
(net:with-connection (conn "127.0.0.1" 8080)
  (let ((stream (net:socket-stream conn)))
    (format t "Server says: ~A~%" (read-line stream))))
