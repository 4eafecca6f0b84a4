;;;; Seed 001, "HTTP/1.1 Server": routes and static files.

(defpackage #:example-server (:use #:common-lisp) (:local-nicknames (#:net #:socketpoll/net)))
(in-package #:example-server)

(defun api-handler (request)
  (format nil "You asked for ~a" (net:request-uri request)))
(defun webhook-handler (request)
  (list 202 '(("X-Got" . "it")) (net:request-text request)))

(net:with-http-server (server :port 8080 :host "0.0.0.0")
  (net:route server "GET" "/api/*" #'api-handler)
  (net:route server "POST" "/webhook" #'webhook-handler)
  (net:serve-static server "/assets" #P"/var/www/assets/"))
