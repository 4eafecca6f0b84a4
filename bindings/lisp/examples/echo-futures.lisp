;;;; Echo with futures: each step of a connection is begun by the one before it.
;;;; (echo-futures:serve 7000)

(defpackage #:echo-futures (:use #:common-lisp) (:local-nicknames (#:net #:socketpoll/net))
  (:export #:serve))
(in-package #:echo-futures)

(defun echo (connection buffer)
  (net:async-read connection buffer
    :on-error (lambda (condition) (declare (ignore condition)) (net:socket-close connection))
    :callback (lambda (buffer bytes)
                (if (zerop bytes)
                    (net:socket-close connection)
                    (net:then (net:async-write connection (subseq buffer 0 bytes))
                              (lambda (bytes) (declare (ignore bytes)) (echo connection buffer))
                              :on-error (lambda (condition)
                                          (declare (ignore condition))
                                          (net:socket-close connection)))))))

(defun accept (listener)
  (net:async-accept listener
    :callback (lambda (connection)
                (accept listener)
                (echo connection (make-array 4096 :element-type '(unsigned-byte 8))))))

(defun serve (port &optional (ready #'identity))
  "Serves PORT until STOP-EVENT-LOOP; READY is called with the port and the loop when it listens."
  (net:with-event-loop (loop)
    (net:with-listener (listener "127.0.0.1" port)
      (accept listener)
      (funcall ready (net:socket-port listener) loop)
      (net:start-event-loop loop))))
