;;;; Echo with callbacks: every connection gets back what it sends, without a copy in Lisp.
;;;; (echo-callbacks:serve 7000)

(defpackage #:echo-callbacks (:use #:common-lisp #:socketpoll) (:export #:serve))
(in-package #:echo-callbacks)

(defun serve (port &optional (ready #'identity))
  "Serves PORT until STOP-EVENT-LOOP; READY is called with the port and the loop when it listens."
  (with-event-loop (loop)
    (let ((listener (listen-on "127.0.0.1" port
                               :on-connection (lambda (connection)
                                                (start-reading connection #'send-memory)))))
      (funcall ready (listener-port listener) loop)
      (run-event-loop loop))))
