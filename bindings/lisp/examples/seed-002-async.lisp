;;;; Seed 002, "Asynchronous Operations". What was begun is carried out by whoever runs the loop:
;;;; here the AWAIT at the end. CONNECTION is a connection whose peer sends something.

(defpackage #:example-async (:use #:common-lisp) (:local-nicknames (#:net #:socketpoll/net)))
(in-package #:example-async)

(defvar connection)

;; Async connect with callback
(net:async-connect "example.com" 80 
  :callback (lambda (connection)
              (format t "Connected: ~A~%" connection)))

;; Async read/write
(let ((buffer (make-array 1024 :element-type '(unsigned-byte 8))))
  (net:async-read connection buffer
    :callback (lambda (buf bytes)
                (format t "Read ~A bytes~%" bytes))))

;; Future-based async programming
(let ((future (net:async-connect "example.com" 80)))
  (let ((connection (net:await future 5000))) ; 5 second timeout
    (format t "Connection established: ~A~%" connection)))
