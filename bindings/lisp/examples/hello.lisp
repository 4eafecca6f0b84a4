;;;; An HTTP server: (hello:serve 8080), then http://127.0.0.1:8080/hello/you

(defpackage #:hello (:use #:common-lisp) (:local-nicknames (#:net #:socketpoll/net))
  (:export #:serve))
(in-package #:hello)

(defun serve (port &optional (ready #'identity))
  "Serves PORT until STOP-HTTP-SERVER; READY is called with the server when it listens."
  (net:with-http-server (server :port port)
    (net:route server "GET" "/" (lambda (request) (declare (ignore request)) "Hello"))
    (net:route server "GET" "/hello/:name"
               (lambda (request) (format nil "Hello ~a" (net:request-parameter request "name"))))
    (funcall ready server)))
