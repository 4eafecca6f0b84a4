;;;; What a round trip of 32 bytes costs by blocking calls, one connection, both ends in this process, a
;;;; thread each (and by callbacks, in one thread): sbcl --script echo.lisp. Each way three times, in
;;;; turns: CPU microseconds and bytes consed for both ends together.
(require :asdf)
(asdf:load-asd (merge-pathnames "../../bindings/lisp/socketpoll.asd" *load-truename*))
(let ((*standard-output* (make-broadcast-stream)) (*error-output* (make-broadcast-stream)))
  (require :sb-bsd-sockets)
  (asdf:load-systems "socketpoll" "usocket"))

(defpackage #:echo-bench
  (:use #:common-lisp #:socketpoll) (:local-nicknames (#:net #:socketpoll/net) (#:bsd #:sb-bsd-sockets)))
(in-package #:echo-bench)

(defconstant +size+ 32)

(defun echo (stream)
  "Sends back what comes, until its end."
  (let ((message (make-array +size+ :element-type 'octet)))
    (loop while (= +size+ (read-sequence message stream))
          do (write-sequence message stream)
             (finish-output stream))))

(defun cpu-us ()
  (multiple-value-bind (seconds ns) (sb-unix::clock-gettime sb-unix::clock-process-cputime-id)
    (+ (* 1e6 seconds) (/ ns 1e3))))

(defun round-trips (count stream)
  (let ((message (make-array +size+ :element-type 'octet :initial-element 7)))
    (loop repeat count
          do (write-sequence message stream)
             (finish-output stream)
             (read-sequence message stream))))

(defun measure (name trips)
  "TRIPS, a function of a number, makes so many round trips."
  (funcall trips 2000)
  (let ((before (cpu-us)) (consed (sb-ext:get-bytes-consed)) (count 40000))
    (funcall trips count)
    (format t "~36a ~6,2f us ~6d bytes~%" name (/ (- (cpu-us) before) count)
            (floor (- (sb-ext:get-bytes-consed) consed) count))
    (finish-output)))

(defun by-bsd-sockets ()
  (flet ((make () (make-instance 'bsd:inet-socket :type :stream :protocol :tcp))
         (stream (socket)
           (setf (bsd:sockopt-tcp-nodelay socket) t)
           (bsd:socket-make-stream socket :input t :output t :element-type 'octet :buffering :full)))
    (let ((listener (make)) (client (make)))
      (bsd:socket-bind listener #(127 0 0 1) 0)
      (bsd:socket-listen listener 5)
      (let ((thread (sb-thread:make-thread (lambda () (echo (stream (bsd:socket-accept listener)))))))
        (bsd:socket-connect client #(127 0 0 1) (nth-value 1 (bsd:socket-name listener)))
        (let ((stream (stream client)))
          (measure "sb-bsd-sockets" (lambda (count) (round-trips count stream))))
        (bsd:socket-close client)
        (sb-thread:join-thread thread)
        (bsd:socket-close listener)))))

(defun by-usocket ()
  (let* ((listener (usocket:socket-listen "127.0.0.1" 0 :element-type 'octet))
         (thread (sb-thread:make-thread
                  (lambda ()
                    (let ((socket (usocket:socket-accept listener)))
                      (setf (usocket:socket-option socket :tcp-nodelay) t)
                      (echo (usocket:socket-stream socket))))))
         (client (usocket:socket-connect "127.0.0.1" (usocket:get-local-port listener)
                                         :element-type 'octet :nodelay t)))
    (measure "usocket" (lambda (count) (round-trips count (usocket:socket-stream client))))
    (usocket:socket-close client)
    (sb-thread:join-thread thread)
    (usocket:socket-close listener)))

(defun by-streams ()
  (let* ((port nil) (listens (sb-thread:make-semaphore))
         (thread (sb-thread:make-thread
                  (lambda ()
                    (net:with-listener (listener "127.0.0.1" 0)
                      (setf port (net:socket-port listener))
                      (sb-thread:signal-semaphore listens)
                      (let ((connection (net:socket-accept listener)))
                        (echo (net:socket-stream connection))
                        (net:socket-close connection)))))))
    (sb-thread:wait-on-semaphore listens)
    (net:with-connection (connection "127.0.0.1" port)
      (let ((stream (net:socket-stream connection)))
        (measure "socketpoll, streams, two threads" (lambda (count) (round-trips count stream)))))
    (sb-thread:join-thread thread)))

(defun by-callbacks ()
  (net:with-event-loop (loop)
    (let ((listener (listen-on "127.0.0.1" 0
                               :on-connection (lambda (connection)
                                                (start-reading connection #'send-memory))))
          (left 0))
      (declare (type fixnum left))
      (let ((client (net:socket-connect "127.0.0.1" (listener-port listener)))
            (message (make-array +size+ :element-type 'octet :initial-element 7)))
        (start-reading client (lambda (connection address length)
                                (if (zerop (decf left))
                                    (stop-event-loop loop)
                                    (send-memory connection address length))))
        (measure "socketpoll, callbacks, one thread"
                 (lambda (count)
                   (setf left count)
                   (send client message)
                   (run-event-loop loop)))))))

(loop repeat 3
      do (by-bsd-sockets)
         (by-usocket)
         (by-streams)
         (by-callbacks))
(sb-ext:exit :code 0 :abort t)
