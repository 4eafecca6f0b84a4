;;;; Tests of the HTTP server, over the sockets of SBCL itself as the client.

(in-package #:socketpoll/tests)

(defun ask (port text &key (host #(127 0 0 1)) (external-format :utf-8))
  "What the server at PORT sends for TEXT, in which | stands for CR LF, until it closes."
  (let ((socket (make-instance 'sb-bsd-sockets:inet-socket :type :stream :protocol :tcp)))
    (unwind-protect
         (progn
           (sb-bsd-sockets:socket-connect socket host port)
           (let ((stream (sb-bsd-sockets:socket-make-stream socket :input t :output t :timeout 10
                                                                   :external-format external-format)))
             (loop for character across text
                   do (if (char= character #\|)
                          (format stream "~c~c" #\Return #\Newline)
                          (write-char character stream)))
             (finish-output stream)
             (with-output-to-string (out)
               (loop for character = (read-char stream nil)
                     while character do (write-char character out)))))
      (sb-bsd-sockets:socket-close socket))))

(defun ask-for (port path &key (method "GET") (body ""))
  (ask port (format nil "~a ~a HTTP/1.1|Host: x|Connection: close|~:[Content-Length: ~d|~;~*~]|~a"
                    method path (string= body "") (length body) body)))

(defmacro with-answers ((&rest bindings) serve &body body)
  "SERVE runs a server in a thread and calls READY with it; the variables of BINDINGS are asked for
meanwhile, from the variable PORT; BODY runs afterwards."
  `(let* ((ready (sb-thread:make-semaphore)) (the-server nil)
          (hook *error-hook*)
          (thread (sb-thread:make-thread
                   (lambda ()
                     (let ((*error-hook* hook))
                       (with-event-loop ()
                         (flet ((ready (server)
                                  (setf the-server server)
                                  (sb-thread:signal-semaphore ready)))
                           ,serve)))))))
     (sb-thread:wait-on-semaphore ready)
     (let* ((port (net:http-server-port the-server)) ,@bindings)
       (declare (ignorable port))
       (net:stop-http-server the-server)
       (sb-thread:join-thread thread)
       ,@body)))

(defun found-in (text part) (search part text))

(deftest http-routes
  (let* ((errors 0) (*error-hook* (lambda (condition object)
                                    (declare (ignore condition object)) (incf errors))))
    (with-answers ((string (ask-for port "/string?a=b"))
                   (list (ask-for port "/list"))
                   (response (ask-for port "/response"))
                   (nothing (ask-for port "/nothing"))
                   (later (ask-for port "/later"))
                   (error (ask-for port "/error"))
                   (wrong (ask-for port "/wrong"))
                   (body (ask-for port "/body" :method "POST" :body "grss"))
                   (absent (ask-for port "/absent")))
        (net:with-http-server (server)
          (flet ((on (path function &optional (method :get))
                   (net:route server method path function)))
            (on "/string" (lambda (request)
                            (format nil "~a ~a ~a ~a ~a ~a" (net:request-method request)
                                    (net:request-uri request) (net:request-path request)
                                    (net:request-query request) (net:request-header request "host")
                                    (cdr (assoc "Connection" (net:request-headers request)
                                                :test #'string-equal)))))
            (on "/list" (lambda (request) (declare (ignore request))
                          '(201 (:content-type "text/html" :x-a 1) "<p>ü")))
            (on "/response" (lambda (request) (declare (ignore request))
                              (net:make-response :status 203 :headers '(("X-B" . "2"))
                                                 :body (coerce #(65 66) 'octets))))
            (on "/nothing" (constantly nil))
            (on "/later" (lambda (request)
                           (add-timer 10 (lambda () (net:respond request "late")))
                           :later))
            (on "/error" (lambda (request) (declare (ignore request)) (error "broken")))
            (on "/wrong" (constantly 42))
            (on "/body" (lambda (request) (reverse (net:request-text request))) "POST"))
          (signals network-error (net:route server "GET" "/wrong" #'identity) "exists")
          (signals type-error (net:route server "GET" "/x" nil) "called back")
          (ready server))
      (is (found-in string "200 OK"))
      (is (found-in string "GET /string?a=b /string a=b x close"))
      (is (found-in string "text/plain; charset=utf-8"))
      (is (found-in list "201 Created"))
      (is (found-in list "text/html"))
      (is (found-in list "<p>ü"))
      (is (found-in response "203 "))
      (is (found-in response "X-B: 2"))
      (is (found-in response "application/octet-stream"))
      (is (found-in nothing "204 No Content"))
      (is (found-in later "late"))
      (is (found-in error "500 Internal Server Error"))
      (is (found-in wrong "500 Internal Server Error"))
      (is (found-in body "ssrg"))
      (is (found-in absent "404 Not Found"))
      (is (= 2 errors)))))

(deftest http-headers-of-any-octets
  (let ((seen nil))
    (with-answers ((answer (ask port (format nil "GET / HTTP/1.1|Host: x|X: a~c|Connection: close||"
                                             (code-char 255))
                                :external-format :latin-1)))
        (net:with-http-server (server :port 0)
          (net:route server "GET" "/" (lambda (request)
                                        (setf seen (net:request-headers request))
                                        "fine"))
          (ready server))
      (is (found-in answer "200 OK"))
      (is (equal (cdr (assoc "X" seen :test #'string-equal)) (format nil "a~c" (code-char #xfffd)))))))

(deftest http-not-built-in
  (signals not-built-in (net:with-http-client (client) client) "not built with"))

(deftest http-tls-files
  (signals network-error
      (net:make-http-server :cert-file "/absent.crt" :key-file "/absent.key") "/absent.crt")
  (signals error (macroexpand '(net:with-tls-server (server :port 0) server)) ":CERT-FILE"))

(deftest stale-request
  (let ((kept nil))
    (with-answers ((answer (ask-for port "/")))
        (net:with-http-server (server)
          (net:route server "GET" "/" (lambda (request) (setf kept request) "x"))
          (ready server))
      (is (found-in answer "200 OK"))
      (signals stale-object (net:request-method kept) "HTTP-REQUEST")
      (signals stale-object (net:respond kept "again")))))
