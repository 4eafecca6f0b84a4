;;;; Tests of what else the HTTP server does: bodies in pieces, limits, middleware, the log, servers in
;;;; threads, clients that go too early.

(in-package #:socketpoll/tests)

(defmacro with-started-server ((port setup &rest options) &body body)
  "SETUP is a lambda of the server; BODY asks it at PORT."
  (let ((server (gensym)))
    `(let* ((,server (net:start-http-server ,setup ,@options))
            (,port (net:http-server-port ,server)))
       (declare (ignorable ,port))
       (unwind-protect (progn ,@body)
         (net:stop-http-server ,server)))))

(defun last-line (text)
  (string-right-trim '(#\Newline #\Return)
                     (subseq text (let ((end (search (coerce '(#\Return #\Newline #\Return #\Newline)
                                                             'string)
                                                     text)))
                                    (if end (+ end 4) 0)))))

(deftest http-parameters
  (with-started-server (port (lambda (server)
                               (net:route server :get "/q"
                                          (lambda (request)
                                            (format nil "~s" (net:request-query-parameters request))))
                               (net:route server :post "/f"
                                          (lambda (request)
                                            (format nil "~s" (net:request-form-parameters request))))))
    (is (found-in (ask-for port "/q?a=1&b=x%20y+z%c3%bc&c&&=d&e=%4")
                  "((\"a\" . \"1\") (\"b\" . \"x y zü\") (\"c\" . \"\") (\"\" . \"d\") (\"e\" . \"%4\"))"))
    (is (string= "NIL" (last-line (ask-for port "/q"))))
    (is (string= "NIL" (last-line (ask-for port "/q?"))))
    (is (found-in (ask-for port "/f" :method "POST" :body "a=b%3Dc") "((\"a\" . \"b=c\"))"))))

(defun live-objects (loop)
  (count-if (lambda (object) (typep object 'object)) (socketpoll::event-loop-objects loop)))

(defun connect-plainly (port)
  (let ((socket (make-instance 'sb-bsd-sockets:inet-socket :type :stream :protocol :tcp)))
    (sb-bsd-sockets:socket-connect socket #(127 0 0 1) port)
    socket))

(deftest http-later-and-the-client-has-gone
  (let* ((asked (sb-thread:make-semaphore)) (gone (sb-thread:make-semaphore)) (errors 0)
         (*error-hook* (lambda (condition object)
                         (declare (ignore condition object)) (incf errors)))
         (loop nil) (kept nil) (status nil) (before nil) (after nil))
    (with-started-server (port (lambda (server)
                                 (setf loop (object-loop server))
                                 (net:route server :get "/" (constantly "now"))
                                 (net:route server :get "/later"
                                            (lambda (request)
                                              (setf kept request
                                                    (net:request-on-close request)
                                                    (lambda (request code)
                                                      (is (eq request kept))
                                                      (setf status code
                                                            after (live-objects loop))
                                                      (sb-thread:signal-semaphore gone)))
                                              (sb-thread:signal-semaphore asked)
                                              :later))
                                 (setf before (live-objects loop))))
      (let* ((socket (connect-plainly port))
             (stream (sb-bsd-sockets:socket-make-stream socket :output t)))
        ;; With an answer that it has not read, its going is a reset and no half-close.
        (format stream "~{GET ~a HTTP/1.1~c~%Host: x~c~%~c~%~}"
                (loop for path in '("/" "/later") append (list path #\Return #\Return #\Return)))
        (finish-output stream)
        (is (sb-thread:wait-on-semaphore asked :timeout 10))
        (sb-bsd-sockets:socket-close socket))
      (is (sb-thread:wait-on-semaphore gone :timeout 10))
      (is (integerp status))
      (is (eql before after))
      (is (not (object-live-p kept)))
      ;; Too late, and no error.
      (is (null (net:respond kept "nobody hears it")))
      (signals connection-error (net:write-response kept "nor this")))
    (is (= 0 errors))))

(deftest http-streamed-request
  (let ((length 0) (pauses 0) (piece (make-string 100000 :initial-element #\x)))
    (flet ((upload (request)
             (net:read-body request
                            (lambda (request address bytes)
                              (incf length bytes)
                              (is (= (char-code #\x) (aref (memory-octets address bytes) 0)))
                              (when (zerop (mod (incf pauses) 3))
                                (net:pause-body request)
                                (add-timer 1 (lambda ()
                                               (when (object-live-p request)
                                                 (net:resume-body request))))))
                            :on-end (lambda (request)
                                      (format nil "~a ~d" (net:request-method request)
                                              (shiftf length 0))))
             "ignored"))
      (with-started-server (port (lambda (server)
                                   (net:route server :post "/up" #'upload :stream-body t)))
        (is (string= "POST 100000" (last-line (ask-for port "/up" :method "POST" :body piece))))
        (is (string= "POST 5" (last-line (ask port (format nil "POST /up HTTP/1.1|Host: x|Connection: ~
close|Transfer-Encoding: chunked||2|xx|3|xxx|0||")))))
        (is (string= "POST 0" (last-line (ask-for port "/up" :method "POST"))))))))

(defun broken (request)
  (net:read-body request (lambda (request address length)
                           (declare (ignore request address length))
                           (error "broken"))))

(deftest http-error-in-a-streamed-request
  (let* ((errors 0) (*error-hook* (lambda (condition object)
                                    (declare (ignore condition object)) (incf errors))))
    (with-started-server (port (lambda (server)
                                 (net:route server :post "/broken" #'broken :stream-body t)))
      (is (found-in (ask-for port "/broken" :method "POST" :body "abc") "500 Internal")))
    (is (= 1 errors))))

(defmacro with-slow-answer ((stream port path) &body body)
  "What the server at PORT sends for PATH, read only after BODY."
  (let ((socket (gensym)))
    `(let ((,socket (connect-plainly ,port)))
       (unwind-protect
            (let ((,stream (sb-bsd-sockets:socket-make-stream ,socket :input t :output t :timeout 10)))
              (format ,stream "GET ~a HTTP/1.1~c~%Host: x~c~%Connection: close~c~%~c~%" ,path
                      #\Return #\Return #\Return #\Return)
              (finish-output ,stream)
              ;; Its first bytes are there: the handler runs.
              (peek-char nil ,stream)
              ,@body
              (with-output-to-string (out)
                (loop for line = (read-line ,stream nil) while line do (write-line line out))))
         (sb-bsd-sockets:socket-close ,socket)))))

(deftest http-streamed-response
  (let ((errors 0) (count 300000) (*error-hook* *error-hook*))
    (setf *error-hook* (lambda (condition object)
                         (declare (ignore condition object)) (incf errors)))
    (with-started-server (port (lambda (server)
                                 (flet ((on (path function) (net:route server :get path function)))
                                   (on "/pieces" (lambda (request)
                                                   (net:start-response request :status 201
                                                                               :headers '(:x-a "b"))
                                                   (net:write-response request "one ")
                                                   (add-timer 1 (lambda ()
                                                                  (net:write-response request "two")
                                                                  (net:end-response request)))))
                                   (on "/stream" (lambda (request)
                                                   (net:with-response-stream (out request)
                                                     (loop for i below count do (format out "~9d~%" i)))))
                                   (on "/length" (lambda (request)
                                                   (net:with-response-stream (out request :length 4
                                                                                          :content-type "image/x")
                                                     (write-byte 65 out)
                                                     (write-string "bü" out))))
                                   (on "/cut" (lambda (request)
                                                (net:with-response-stream (out request)
                                                  (write-line "begun" out)
                                                  (force-output out)
                                                  (error "cut off")))))))
      (let ((text (ask-for port "/pieces")))
        (is (found-in text "201 Created"))
        (is (found-in text "chunked"))
        (is (found-in text "X-A: b"))
        (is (found-in text "one "))
        (is (found-in text "two")))
      (let ((text (ask-for port "/length")))
        (is (found-in text "Content-Length: 4"))
        (is (found-in text "image/x"))
        (is (string= "Abü" (last-line text))))
      ;; More than may be queued: the handler has to wait, and others are served meanwhile.
      (let ((other nil))
        (let ((text (with-slow-answer (stream port "/stream")
                      (setf other (ask-for port "/length")))))
          (is (found-in other "Abü"))
          (is (found-in text (format nil "~9d" (1- count))))))
      (let ((text (ask-for port "/cut")))
        (is (found-in text "begun"))
        ;; The last chunk is missing.
        (is (not (found-in text (format nil "~%0~c~%" #\Return))))))
    (is (= 1 errors))))

(deftest http-streamed-responses-that-end-early
  (let* ((errors '()) (gone (sb-thread:make-semaphore)) (loop nil) (before nil) (after nil)
         (*error-hook* (lambda (condition object)
                         (declare (ignore object)) (push condition errors))))
    (with-started-server (port (lambda (server)
                                 (setf loop (object-loop server))
                                 (net:route server :get "/short"
                                            (lambda (request)
                                              (net:with-response-stream (out request :length 10)
                                                (write-string "four" out))))
                                 (net:route server :get "/endless"
                                            (lambda (request)
                                              (unwind-protect
                                                   (net:with-response-stream (out request)
                                                     (loop (write-line "again" out)))
                                                (sb-thread:signal-semaphore gone))))
                                 (net:route server :get "/count"
                                            (lambda (request)
                                              (declare (ignore request))
                                              (setf after (live-objects loop))
                                              "counted"))
                                 (setf before (live-objects loop))))
      (is (found-in (ask-for port "/short") "four"))
      ;; A client that goes away is no error of the handler's.
      (let* ((socket (connect-plainly port))
             (stream (sb-bsd-sockets:socket-make-stream socket :input t :output t)))
        (format stream "GET /endless HTTP/1.1~c~%Host: x~c~%~c~%" #\Return #\Return #\Return)
        (finish-output stream)
        (read-line stream)
        (sb-bsd-sockets:socket-close socket))
      (is (sb-thread:wait-on-semaphore gone :timeout 10))
      (is (found-in (ask-for port "/count") "counted"))
      (is (eq before after)))
    (is (= 1 (length errors)))
    (is (typep (first errors) 'network-error))))

(deftest http-middleware-and-log
  (let ((log '()))
    (with-started-server (port (lambda (server)
                                 (net:add-middleware server
                                                     (lambda (request next)
                                                       (if (equal "let-me-in" (net:request-header request "key"))
                                                           (funcall next)
                                                           '(401 () "no"))))
                                 (net:add-middleware server
                                                     (lambda (request next)
                                                       (declare (ignore request))
                                                       (format nil "[~a]" (funcall next))))
                                 (net:route server :get "/a/:b"
                                            (lambda (request) (net:request-parameter request "b")))
                                 (net:route server :get "/stream"
                                            (lambda (request)
                                              (net:with-response-stream (out request) (princ "four" out)))))
                               :access-log (lambda (request status bytes)
                                             (is (<= 0 (net:request-duration request)))
                                             (push (list (net:request-uri request) status bytes) log)))
      (is (found-in (ask-for port "/a/x") "401 Unauthorized"))
      (is (string= "[x]" (last-line (ask port "GET /a/x HTTP/1.1|Host: x|Key: let-me-in|Connection: close||"))))
      (is (found-in (ask port "GET /stream HTTP/1.1|Host: x|Key: let-me-in|Connection: close||") "four")))
    (is (equal (reverse log) '(("/a/x" 401 2) ("/a/x" 200 3) ("/stream" 200 4))))))

(deftest http-limits
  (flet ((routes (server) (net:route server :post "/" #'net:request-text)))
    (with-started-server (port #'routes :max-body 5 :max-head 200 :max-target 50 :max-fields 5
                                        :max-connections 10 :head-timeout 50 :body-timeout nil
                                        :idle-timeout 60000 :write-timeout 60000 :low-mark 1
                                        :high-mark 100 :stop-grace 10)
      (is (found-in (ask-for port "/" :method "POST" :body "12345") "12345"))
      (is (found-in (ask-for port "/" :method "POST" :body "123456") " 413 "))
      (is (found-in (ask-for port (make-string 60 :initial-element #\a)) " 414 "))
      (is (found-in (ask port (format nil "GET / HTTP/1.1|~{X: ~d|~}|" '(1 2 3 4 5 6))) " 431 "))
      (is (found-in (ask port "GET / HTTP/1.1|") " 408 "))
      (signals network-error (net:start-http-server #'routes :max-head 0) "invalid")
      (signals type-error (net:start-http-server #'routes :workers 0))
      (signals address-in-use (net:start-http-server #'routes :port port) (princ-to-string port)))))

(deftest http-workers
  (let* ((threads '()) (lock (sb-thread:make-mutex))
         (server (net:start-http-server
                  (lambda (server)
                    (sb-thread:with-mutex (lock) (push sb-thread:*current-thread* threads))
                    (net:route server :get "/" (constantly "one of many")))
                  :workers 3))
         (port (net:http-server-port server)))
    (is (= 3 (length (remove-duplicates threads))))
    (loop repeat 10 do (is (found-in (ask-for port "/") "one of many")))
    (net:stop-http-server server)
    (net:stop-http-server server)
    (is (notany #'sb-thread:thread-alive-p threads))
    (signals connection-refused (net:socket-connect "127.0.0.1" port))))
