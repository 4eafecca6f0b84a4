;;;; A service over UDP: answers each datagram with its text turned round. (udp:serve 7002)

(defpackage #:udp (:use #:common-lisp #:socketpoll) (:export #:serve))
(in-package #:udp)

(defun turn-round (socket sender address length)
  (reply socket sender (reverse (memory-string address length))))

(defun serve (port &optional (ready #'identity))
  "Serves PORT until STOP-EVENT-LOOP; READY is called with the port and the loop when it is bound."
  (with-event-loop (loop)
    (let ((socket (make-datagram-socket "127.0.0.1" port :on-datagram #'turn-round)))
      (funcall ready (datagram-port socket) loop)
      (run-event-loop loop))))
