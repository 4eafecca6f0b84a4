;;;; A chat: each line that a client sends goes to all the others. (chat:serve 7001)

(defpackage #:chat (:use #:common-lisp #:socketpoll) (:export #:serve))
(in-package #:chat)

(defconstant +most-queued+ 100000 "bytes that a client who does not read may leave waiting")

(defun serve (port &optional (ready #'identity))
  "Serves PORT until STOP-EVENT-LOOP; READY is called with the port and the loop when it listens."
  (let ((rooms (make-hash-table :test 'eq)))
    (labels ((leave (connection status)
               (declare (ignore status))
               (remhash connection rooms))
             (tell (sender address length)
               (loop for connection in (loop for other being the hash-keys of rooms collect other)
                     unless (eq connection sender)
                       do (handler-case
                              (when (> (send-memory connection address length) +most-queued+)
                                (leave connection 0)
                                (close-connection connection :abort t))
                            (network-error () (leave connection 0)))))
             (enter (connection)
               (setf (gethash connection rooms) t)
               (start-reading connection #'tell :on-close #'leave)))
      (with-event-loop (loop)
        (let ((listener (listen-on "127.0.0.1" port :on-connection #'enter)))
          (funcall ready (listener-port listener) loop)
          (run-event-loop loop))))))
