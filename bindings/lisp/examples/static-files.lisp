;;;; The files of a folder over HTTP: (static-files:serve 8080 #P"/var/www/")

(defpackage #:static-files (:use #:common-lisp) (:local-nicknames (#:net #:socketpoll/net))
  (:export #:serve))
(in-package #:static-files)

(defun serve (port folder &optional (ready #'identity))
  "Serves PORT until STOP-HTTP-SERVER; READY is called with the server when it listens."
  (net:with-http-server (server :port port)
    (net:serve-static server "/" folder :listing t)
    (funcall ready server)))
