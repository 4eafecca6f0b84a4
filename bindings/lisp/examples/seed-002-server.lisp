;;;; Seed 002, "TCP Server": it runs until it is interrupted.

(defpackage #:example-tcp-server (:use #:common-lisp) (:local-nicknames (#:net #:socketpoll/net)))
(in-package #:example-tcp-server)

;; TCP Server
(net:with-listener (listener "127.0.0.1" 8080)
  (loop
    (let ((conn (net:socket-accept listener)))
      (when conn
        (let ((stream (net:socket-stream conn)))
          (format stream "Hello from Windows IOCP server!~%")
          (net:socket-close conn))))))
