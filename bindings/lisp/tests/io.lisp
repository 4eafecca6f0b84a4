;;;; Tests of SOCKETPOLL/IO: contexts, operations, buffers and pools.

(in-package #:socketpoll/tests)

(deftest io-round-trip
  (let ((got '()))
    (io:with-io-context (ctx)
      (let ((server (io:create-server-socket 0 :host "127.0.0.1"))
            (pool (io:make-buffer-pool :size 64 :count 2)))
        (io:async-accept server :context ctx
          :on-complete (lambda (client)
                         (io:with-pooled-buffer (buffer pool)
                           (io:async-read client buffer :context ctx
                             :on-complete (lambda (bytes)
                                            (is (= 1 (io:buffer-pool-in-use pool)))
                                            (push (buffer-string buffer :end bytes) got)
                                            (setf (buffer-ref buffer 0) 42)
                                            (io:async-write client buffer
                                              :on-complete (lambda (bytes)
                                                             (push bytes got)
                                                             (close-connection client))))))
                         (is (= 1 (io:buffer-pool-in-use pool)))))
        (io:async-connect "127.0.0.1" (io:server-socket-port server)
          :context ctx
          :on-complete (lambda (client)
                         (let ((octets (make-array 100 :element-type 'octet)))
                           (io:async-write client "abc")
                           (io:async-read client octets
                             :on-complete (lambda (bytes)
                                            (push (to-string octets :end bytes) got)
                                            (is (= 0 (io:buffer-pool-in-use pool)))
                                            (close-connection client)
                                            (close-object server))))))))
    (is (equal (sort (mapcar #'princ-to-string got) #'string<) '("*bc" "3" "abc")))))

(deftest io-errors
  (let ((conditions '()) (port nil))
    (io:with-io-context (ctx)
      (let ((server (io:create-server-socket 0 :host "127.0.0.1")))
        (setf port (io:server-socket-port server))
        (close-object server))
      (io:async-connect "127.0.0.1" port :on-complete #'identity
                        :on-error (lambda (condition) (push condition conditions)))
      (signals type-error (io:async-connect "127.0.0.1" port :on-complete nil) "called back")
      (multiple-value-bind (a b) (connection-pair)
        (let ((buffer (io:allocate-buffer 10)))
          (io:async-read a buffer :timeout 10 :on-complete #'identity
                         :on-error (lambda (condition) (push condition conditions)
                                     (close-connection a)))
          (signals network-error (io:async-read a buffer :on-complete #'identity) "busy")
          ;; Freed at once or at the end of the operation.
          (io:free-buffer buffer)
          (is (plusp (sb-sys:sap-int (buffer-sap buffer))))
          (signals type-error (io:async-read 'a buffer :on-complete #'identity))
          (signals network-error (io:async-read 9999 buffer :on-complete #'identity) "9999")
          (let ((cancelled (io:async-read b (io:allocate-buffer 1) :on-complete #'identity
                                          :on-error (lambda (condition)
                                                      (push condition conditions)))))
            (io:cancel cancelled)
            (io:cancel cancelled)))))
    (is (= 3 (length conditions)))
    (is (some (lambda (condition) (typep condition 'connection-refused)) conditions))
    (is (some (lambda (condition) (typep condition 'timeout-error)) conditions))))

(deftest buffers
  (let ((buffer (allocate-buffer 4)) (pool (io:make-buffer-pool :size 4 :count 1)))
    (setf (buffer-ref buffer 3) 7)
    (is (= 7 (buffer-ref buffer 3)))
    (signals error (buffer-ref buffer (bad 4)))
    (signals error (buffer-ref buffer (bad -1)))
    (signals error (buffer-ref buffer (bad :a)))
    (signals error (buffer-octets buffer :end 5))
    (free-buffer buffer)
    (free-buffer buffer)
    (signals stale-object (buffer-ref buffer 0) "BUFFER")
    (io:with-pooled-buffer (one pool)
      (signals network-error (io:with-pooled-buffer (two pool) two) "1 of 1 in use"))
    (is (= 0 (io:buffer-pool-in-use pool)))
    (signals type-error (allocate-buffer 0))))

(deftest a-handler-that-signals-costs-its-connection
  (let* ((loop (current-loop)) (errors '()) (served 0)
         (*error-hook* (lambda (condition object) (push (list condition object) errors)))
         (server (listen-on "127.0.0.1" 0
                            :on-connection
                            (lambda (connection)
                              (start-reading connection
                                             (lambda (connection address length)
                                               (if (char= #\! (char (memory-string address length) 0))
                                                   (error "broken")
                                                   (send connection "fine"))))))))
    (flet ((client (text)
             (connect-to "127.0.0.1" (listener-port server)
                         (lambda (connection condition)
                           (is (null condition))
                           (start-reading connection
                                          (lambda (connection address length)
                                            (is (string= "fine" (memory-string address length)))
                                            (close-connection connection)
                                            (when (= (incf served) 2) (stop-event-loop loop)))
                                          :on-close (lambda (connection status)
                                                      (declare (ignore connection status))
                                                      (when (= (incf served) 2)
                                                        (stop-event-loop loop))))
                           (send connection text)))))
      (client "!")
      (client "x")
      (run-event-loop loop))
    (is (= 1 (length errors)))
    (is (typep (second (first errors)) 'connection))
    (is (not (object-live-p (second (first errors)))))))

(deftest development-restarts
  (let ((*development* t)
        (sb-ext:*invoke-debugger-hook* (lambda (condition hook)
                                         (declare (ignore condition hook))
                                         (use-value 5))))
    (is (eql 5 (socketpoll::with-handler-protection (nil) (error "in development"))))
    (let ((sb-ext:*invoke-debugger-hook* (lambda (condition hook)
                                           (declare (ignore condition hook))
                                           (invoke-restart 'abort)))
          (closed nil))
      (is (null (socketpoll::with-handler-protection (nil :on-error (setf closed t))
                  (error "in development"))))
      (is (eq closed t)))))

(deftest every-connection-of-a-burst
  (let ((accepted 0) (connected 0) (count 200))
    (io:with-io-context (ctx)
      (let ((server (io:create-server-socket 0 :host "127.0.0.1")))
        (io:async-accept server :context ctx
          :on-complete (lambda (client)
                         (close-connection client)
                         (when (= (incf accepted) count) (close-object server))))
        (loop repeat count
              do (io:async-connect "127.0.0.1" (io:server-socket-port server) :context ctx
                   :on-complete (lambda (client)
                                  (incf connected)
                                  (io:async-read client (allocate-buffer 1)
                                    :on-complete (lambda (bytes)
                                                   (is (= 0 bytes))
                                                   (close-connection client))))))))
    (is (= count accepted))
    (is (= count connected))))

(deftest io-errors-in-handlers
  (let* ((errors 0) (*error-hook* (lambda (condition object)
                                    (declare (ignore condition object)) (incf errors))))
    (multiple-value-bind (a b) (connection-pair)
      (send b "x")
      (io:async-read a (allocate-buffer 1) :on-complete (lambda (bytes) (error "~a" bytes)))
      (run-once (current-loop))
      (is (= 1 errors))
      (is (not (object-live-p a)))
      (is (object-live-p b)))))
