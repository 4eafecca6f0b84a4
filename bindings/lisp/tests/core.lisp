;;;; Tests of the core: loop, connections, conditions, the cost of an event.

(in-package #:socketpoll/tests)

(deftest version-and-features
  (is (string= (library-version) raw:+version+))
  (is (stringp (library-features))))

(deftest echo-with-events
  (let* ((loop (current-loop)) (received "") (closed nil)
         (server (listen-on "127.0.0.1" 0
                            :on-connection (lambda (connection)
                                             (start-reading connection #'send-memory)))))
    (connect-to "127.0.0.1" (listener-port server)
                (lambda (connection condition)
                  (is (null condition))
                  (start-reading connection
                                 (lambda (connection address length)
                                   (setf received (memory-string address length))
                                   (close-connection connection)
                                   (stop-event-loop loop))
                                 :on-close (lambda (connection status)
                                             (declare (ignore connection))
                                             (setf closed status)))
                  (is (zerop (send connection "grüße")))))
    (run-event-loop loop)
    (is (string= received "grüße"))
    (is (null closed))))

(defun echo-messages (server client count buffer)
  "COUNT messages from CLIENT to SERVER and back, by pull delivery alone."
  (declare (optimize speed) (type fixnum count))
  (let ((loop (object-loop server)) (address (socketpoll::sap-address (buffer-sap buffer)))
        (server-token (socketpoll::object-token server)) (done 0))
    (declare (type fixnum done))
    (send-memory client address 32)
    (do-events (event loop)
      (when (= (event-kind event) raw:+socket-data+)
        (cond ((= (event-user event) server-token)
               (send-memory server (event-data event) (event-length event)))
              (t (incf done)
                 (when (= done count) (return done))
                 (send-memory client (event-data event) (event-length event))))))))

(defun cpu-ns ()
  "What this thread has used of the processor: what else the machine does is not in it."
  (multiple-value-bind (seconds ns) (sb-unix::clock-gettime sb-unix::clock-thread-cputime-id)
    (+ (* seconds 1000000000) ns)))

(deftest echo-without-consing
  (multiple-value-bind (server client) (connection-pair)
    (let ((buffer (allocate-buffer 32)))
      (start-reading server #'send-memory)
      (start-reading client #'send-memory)
      (echo-messages server client 100 buffer)
      (let ((before (sb-ext:get-bytes-consed)) (start (cpu-ns)))
        (is (= (echo-messages server client 100000 buffer) 100000))
        (let ((bytes (- (sb-ext:get-bytes-consed) before)))
          (format t "  100,000 echo messages: ~d bytes consed, ~d ns a message~%" bytes
                  (floor (- (cpu-ns) start) 100000))
          ;; What asking costs: a page of the allocation region.
          (is (<= bytes 65536)))))))

(defun drain-fetched (loop)
  (declare (optimize speed))
  (let ((sum 0))
    (declare (type fixnum sum))
    (loop while (< (socketpoll::event-loop-cursor loop) (socketpoll::event-loop-end loop))
          do (let ((event (next-event loop 0)))
               (when (event-object loop event) (incf sum (event-kind event)))))
    sum))

(deftest callbacks-without-consing
  (multiple-value-bind (server client) (connection-pair)
    (let ((loop (current-loop)) (done 0))
      (declare (type fixnum done))
      (start-reading server #'send-memory)
      (start-reading client (lambda (connection address length)
                              (if (zerop (mod (incf done) 10000))
                                  (stop-event-loop loop)
                                  (send-memory connection address length))))
      (flet ((round-trips ()
               (send client "message")
               (run-event-loop loop)))
        (round-trips)
        (let ((before (sb-ext:get-bytes-consed)))
          (round-trips)
          (let ((bytes (- (sb-ext:get-bytes-consed) before)))
            (format t "  10,000 messages by handlers: ~d bytes consed~%" bytes)
            (is (<= bytes 65536))))))))

(deftest cost-of-a-drained-event
  (let* ((loop (current-loop)) (events 0)
         (object (socketpoll::make-object :handler (lambda (object event)
                                                     (declare (ignore object event))
                                                     (incf events)))))
    (declare (type fixnum events))
    (socketpoll::register object loop)
    (loop repeat 256
          do (raw:socket-loop-post (socketpoll::loop-handle loop) (sb-sys:int-sap 0)
                                   (socketpoll::object-token object)))
    (is (= 256 (run-once loop)))
    (is (= 256 events))
    (let ((start (cpu-ns)) (rounds 4000))
      ;; The same array again and again: what Lisp does for an event, without the library's share.
      (loop repeat rounds
            do (setf (socketpoll::event-loop-cursor loop) 0)
               (drain-fetched loop))
      (format t "  ~,1f ns for a drained event~%"
              (/ (- (cpu-ns) start) (* 256.0 rounds))))
    (setf (socketpoll::event-loop-end loop) 0 (socketpoll::event-loop-cursor loop) 0)))

(deftest a-slow-reader
  (multiple-value-bind (a b) (connection-pair)
    (let ((loop (current-loop)) (piece (make-string 65536 :initial-element #\x)) (sent 0) (got 0))
      (is (eql raw:+socket-eagain+
               (handler-case (loop (send a piece) (incf sent 65536))
                 (network-error (condition) (network-error-code condition)))))
      (setf (connection-on-drain a) (lambda (connection)
                                      (incf sent 65536)
                                      (send connection piece)
                                      (shutdown connection)))
      (start-reading b (lambda (connection address length)
                         (declare (ignore connection address))
                         (incf got length))
                     :on-close (lambda (connection status)
                                 (declare (ignore connection))
                                 (is (eql 0 status))
                                 (stop-event-loop loop)))
      (run-event-loop loop)
      (is (= sent got)))))

(deftest other-backends
  ;; poll(2) has no descriptor to wait on: interrupts are taken in slices.
  (with-event-loop (loop "poll")
    (is (string= "poll" (loop-backend loop)))
    (let ((main sb-thread:*current-thread*) (ticking (sb-thread:make-semaphore)))
      (add-timer 5 (lambda () (sb-thread:signal-semaphore ticking)) :period-ms 5)
      (sb-thread:make-thread (lambda ()
                               (sb-thread:wait-on-semaphore ticking :n 3)
                               (sb-thread:interrupt-thread main (lambda () (throw 'out 1)))))
      (is (eql 1 (catch 'out (run-event-loop loop)))))))

(deftest timers
  (let* ((loop (current-loop)) (order '()))
    (add-timer 20 (lambda () (push :late order) (stop-event-loop loop)))
    (close-object (add-timer 1 (lambda () (push :never order))))
    (add-timer 1 (lambda () (push :early order)))
    (run-event-loop loop)
    (is (equal order '(:late :early)))
    (is (eql 0 (run-once loop 0)))
    (signals network-error (add-timer -1 #'list))
    (signals type-error (add-timer 1 nil))
    (signals type-error (run-once loop -2))))

(defun documented-p (symbol)
  (some (lambda (kind) (documentation symbol kind))
        '(function variable type structure setf)))

(deftest every-name-is-documented
  (dolist (package '(#:socketpoll #:socketpoll/io #:socketpoll/net #:socketpoll/iocp #:socketpoll/usocket))
    (do-external-symbols (symbol package)
      (unless (documented-p symbol)
        (note-failure symbol (format nil "of ~a has no documentation" package))))))
