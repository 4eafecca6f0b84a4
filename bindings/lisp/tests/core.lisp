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

(deftest echo-without-consing
  (multiple-value-bind (server client) (connection-pair)
    (let ((buffer (allocate-buffer 32)))
      (start-reading server #'send-memory)
      (start-reading client #'send-memory)
      (echo-messages server client 100 buffer)
      (let ((before (sb-ext:get-bytes-consed)) (start (get-internal-real-time)))
        (is (= (echo-messages server client 100000 buffer) 100000))
        (let ((bytes (- (sb-ext:get-bytes-consed) before)))
          (format t "  100,000 echo messages: ~d bytes consed, ~d ns a message~%" bytes
                  (floor (* 10 (- (get-internal-real-time) start)) 1000))
          ;; What asking costs: a page of the allocation region.
          (is (<= bytes 65536)))))))
