;;;; Runs every file of examples/. What a seed prints with a fixed port or host is read with the test's
;;;; own in its place; nothing else of the text is changed.

(in-package #:socketpoll/tests)

(defun file-text (name)
  (uiop:read-file-string
   (merge-pathnames name (asdf:system-source-directory "socketpoll"))))

(defun replaced (text name replacements)
  "TEXT, which is of NAME, with each pair of REPLACEMENTS carried out."
  (loop for (old new) on replacements by #'cddr
        do (assert (search old text) () "~a has no ~s" name old)
           (setf text (with-output-to-string (out)
                        (loop with start = 0
                              for at = (search old text :start2 start)
                              do (write-string text out :start start :end at)
                              while at
                              do (write-string new out)
                                 (setf start (+ at (length old)))))))
  text)

(defun load-text (text)
  "Evaluates the forms of TEXT; what they print."
  (with-output-to-string (*standard-output*)
    (let ((*package* *package*))
      (handler-bind ((warning #'muffle-warning))
        (with-input-from-string (in text)
          (loop for form = (read in nil in)
                until (eq form in)
                do (funcall (compile nil `(lambda () ,form)))))))))

(defun load-example (name &rest replacements)
  "Evaluates the example; what it prints."
  (load-text (replaced (file-text (format nil "examples/~a.lisp" name)) name replacements)))

(defun set-example (package name value)
  (setf (symbol-value (intern name (or (find-package package)
                                       (make-package package :use '(#:common-lisp)))))
        value))

(defun port-text (port) (princ-to-string port))

(defmacro with-plain-listener ((socket port) &body body)
  "A listener of SBCL's own, whose kernel queue takes connections."
  `(let ((,socket (make-instance 'sb-bsd-sockets:inet-socket :type :stream :protocol :tcp)))
     (unwind-protect
          (progn (sb-bsd-sockets:socket-bind ,socket #(127 0 0 1) 0)
                 (sb-bsd-sockets:socket-listen ,socket 50)
                 (let ((,port (nth-value 1 (sb-bsd-sockets:socket-name ,socket))))
                   ,@body))
       (sb-bsd-sockets:socket-close ,socket))))

(defmacro with-descriptor-pair ((a b) &body body)
  "Two descriptors of a socket pair."
  `(sb-alien:with-alien ((pair (array sb-alien:int 2)))
     (assert (zerop (sb-alien:alien-funcall
                     (sb-alien:extern-alien "socketpair"
                                            (function sb-alien:int sb-alien:int sb-alien:int
                                                      sb-alien:int sb-sys:system-area-pointer))
                     1 1 0 (sb-alien:alien-sap pair))))
     (let ((,a (sb-alien:deref pair 0)) (,b (sb-alien:deref pair 1)))
       (unwind-protect (progn ,@body)
         (sb-unix:unix-close ,a) (sb-unix:unix-close ,b)))))

(defun write-descriptor (fd text)
  (let ((octets (to-octets text)))
    (sb-unix:unix-write fd octets 0 (length octets))))

(deftest example-seed-000-linux
  (unless (member :linux *features*) (skip "there is no epoll here"))
  (with-descriptor-pair (ours theirs)
    (write-descriptor theirs "something")
    (set-example '#:example-linux "SOCKET-FD" ours)
    (is (equal (load-example "seed-000-linux") (format nil "Got something~%")))
    ;; The descriptor is still ours.
    (is (eql 1 (write-descriptor theirs "x")))))

(deftest example-seed-000-darwin
  (with-descriptor-pair (ours theirs)
    (write-descriptor theirs "something")
    (set-example '#:example-darwin "SOCKET-FD" ours)
    (if (member :darwin *features*)
        (is (equal (load-example "seed-000-darwin") (format nil "Got something~%")))
        (signals not-supported (load-example "seed-000-darwin") "kqueue"))))

(deftest example-seed-000-splice
  (with-descriptor-pair (source from)
    (with-descriptor-pair (destination to)
      (let ((text (make-string 65536 :initial-element #\a)))
        (write-descriptor from text)
        (set-example '#:example-splice "SOURCE-FD" source)
        (set-example '#:example-splice "DEST-FD" destination)
        (is (equal (load-example "seed-000-splice") (format nil "Transferred 65536 bytes~%")))
        (is (plusp (sb-alien:with-alien ((buffer (array sb-alien:char 100)))
                     (sb-unix:unix-read to (sb-alien:alien-sap buffer) 100))))))))

(defun run-in-thread (function)
  "A thread with a loop of its own."
  (let ((hook *error-hook*))
    (sb-thread:make-thread (lambda ()
                             (let ((*error-hook* hook)) (with-event-loop () (funcall function)))))))

(defmacro with-served-port ((port serve) &body body)
  "Evaluates SERVE, which listens on PORT and does not return, in a thread; BODY as soon as it listens."
  (let ((listens (gensym)) (thread (gensym)))
    `(let* ((,port (free-port)) (,listens (sb-thread:make-semaphore)) (,thread nil))
       (flet ((tell (function &rest arguments)
                (multiple-value-prog1 (apply function arguments)
                  (sb-thread:signal-semaphore ,listens))))
         (unwind-protect
              (progn (dolist (name '(listen-on net:make-http-server))
                       (sb-int:encapsulate name 'with-served-port #'tell))
                     (setf ,thread (run-in-thread (lambda () ,serve)))
                     (is (sb-thread:wait-on-semaphore ,listens :timeout 10)))
           (dolist (name '(listen-on net:make-http-server))
             (sb-int:unencapsulate name 'with-served-port))))
       (unwind-protect (progn ,@body)
         (end-thread ,thread)))))

(defun free-port ()
  (net:with-listener (listener "127.0.0.1" 0) (net:socket-port listener)))

(defun end-thread (thread)
  (sb-thread:terminate-thread thread)
  (sb-thread:join-thread thread :default nil))

(deftest example-seed-000-http
  (load-example "seed-000-http")
  (with-served-port (port (uiop:symbol-call '#:example-http '#:start-modern-http-server port))
    (loop repeat 3 do (is (found-in (ask-for port "/") "Hello")))))

(deftest example-seed-001-server
  (with-folder (folder)
    (with-open-file (out (concatenate 'string folder "a.txt") :direction :output)
      (write-string "an asset" out))
    (with-served-port (port (load-example "seed-001-server" "8080" (port-text port)
                                          "/var/www/assets/" folder))
      (is (found-in (ask-for port "/api/x?y") "You asked for /api/x?y"))
      (let ((answer (ask-for port "/webhook" :method "POST" :body "posted")))
        (is (found-in answer "202 Accepted"))
        (is (found-in answer "posted"))
        (is (found-in answer "X-Got: it")))
      (is (found-in (ask-for port "/assets/a.txt") "an asset"))
      (is (found-in (ask-for port "/other") "404")))))

(deftest example-seed-001-later
  (signals not-built-in (load-example "seed-001-client") "not built with"))

(deftest example-seed-001-tls
  (with-folder (folder)
    (let ((base (concatenate 'string folder "server")))
      (uiop:run-program (list (concatenate 'string (uiop:getenv "SOCKETPOLL_LIBRARY_DIR")
                                           "/cli/socketpoll")
                              "cert" "--out" base "127.0.0.1"))
      (with-served-port (port (load-example "seed-001-tls" "8443" (port-text port)
                                            "server." (concatenate 'string base ".")))
        (is (equal "safe"
                   (uiop:run-program (list "curl" "-sS" "--max-time" "30" "--cacert"
                                           (concatenate 'string base ".crt")
                                           (format nil "https://127.0.0.1:~a/" port))
                                     :output :string :error-output t)))))))

(deftest example-seed-002-iocp
  (if (member :win32 *features*)
      (skip "not tried on Windows")
      (signals not-supported (load-example "seed-002-iocp") "completion port")))

(deftest example-seed-002-server-and-client
  (with-served-port (port (load-example "seed-002-server" "8080" (port-text port)))
    (loop repeat 3
          do (is (equal (load-example "seed-002-client" "8080" (port-text port))
                        (format nil "Server says: Hello from Windows IOCP server!~%"))))))

(deftest example-seed-002-async
  (with-plain-listener (socket port)
    (multiple-value-bind (ours theirs) (connection-pair)
      (send theirs "12345")
      (set-example '#:example-async "CONNECTION" ours)
      (let ((text (load-example "seed-002-async" "example.com" "127.0.0.1"
                                " 80" (format nil " ~d" port))))
        (is (found-in text "Connected: #<CONNECTION to 127.0.0.1"))
        (is (found-in text "Read 5 bytes"))
        (is (found-in text "Connection established: #<CONNECTION to 127.0.0.1"))))))

;;; Ours

(defmacro with-example-server ((name package port &rest arguments) &body body)
  "Runs the example's SERVE in a thread; it is stopped by its loop."
  `(let ((ready (sb-thread:make-semaphore)) (,port nil) (server-loop nil))
     (load-example ,name)
     (let ((thread (sb-thread:make-thread
                    (lambda ()
                      (uiop:symbol-call ,package '#:serve 0 ,@arguments
                                        (lambda (given &optional loop)
                                          (setf ,port given server-loop loop)
                                          (sb-thread:signal-semaphore ready)))))))
       (sb-thread:wait-on-semaphore ready)
       (unwind-protect (progn ,@body)
         (if server-loop (stop-event-loop server-loop) (net:stop-http-server ,port))
         (sb-thread:join-thread thread)))))

(defun exchange-lines (port)
  (net:with-connection (connection "127.0.0.1" port)
    (let ((stream (net:socket-stream connection :timeout 5000)))
      (loop for text in '("one" "zwölf" "")
            do (format stream "~a~%" text)
               (finish-output stream)
               (is (equal text (read-line stream)))))))

(deftest example-echo-callbacks
  (with-example-server ("echo-callbacks" '#:echo-callbacks port)
    (exchange-lines port)
    (exchange-lines port)))

(deftest example-echo-futures
  (with-example-server ("echo-futures" '#:echo-futures port)
    (exchange-lines port)
    (exchange-lines port)))

(deftest example-echo-tls
  (with-folder (folder)
    (multiple-value-bind (certificate key) (make-certificate "127.0.0.1")
      (let ((chain (write-file (concatenate 'string folder "chain") certificate))
            (private (write-file (concatenate 'string folder "key") key))
            (other (write-file (concatenate 'string folder "other") (make-certificate "127.0.0.1"))))
        (with-example-server ("echo-tls" '#:echo-tls port chain private)
          (flet ((ask (authority text)
                   (multiple-value-list (uiop:symbol-call '#:echo-tls '#:ask port authority text))))
            (loop for text in '("one" "zwölf" "")
                  do (is (equal (list text "TLSv1.3") (ask chain text))))
            (signals certificate-not-trusted (ask other "x") "CN=127.0.0.1")))))))

(deftest example-hello
  (with-example-server ("hello" '#:hello server)
    (is (found-in (ask-for (net:http-server-port server) "/hello/you") "Hello you"))))

(deftest example-static-files
  (with-folder (folder)
    (with-open-file (out (concatenate 'string folder "a.txt") :direction :output)
      (write-string "the file" out))
    (with-example-server ("static-files" '#:static-files server (pathname folder))
      (is (found-in (ask-for (net:http-server-port server) "/a.txt") "the file"))
      (is (found-in (ask-for (net:http-server-port server) "/") "a.txt")))))

(deftest example-udp
  (with-example-server ("udp" '#:udp port)
    (let* ((loop (current-loop)) (got nil)
           (socket (make-datagram-socket "127.0.0.1" 0
                                         :on-datagram
                                         (lambda (socket sender address length)
                                           (setf got (list (memory-string address length)
                                                           (datagram-sender socket sender)))
                                           (stop-event-loop loop)))))
      (send-datagram socket "127.0.0.1" port "reliefpfeiler!")
      (run-event-loop loop)
      (is (equal got (list "!reliefpfeiler" (format nil "127.0.0.1:~d" port))))
      (close-object socket)
      (signals stale-object (send-datagram socket "127.0.0.1" port "x") "DATAGRAM-SOCKET"))))

(defun many-connections (port count continuation)
  "COUNT connections to PORT, begun by dozens; CONTINUATION is called with their list."
  (let ((made '()) (begun 0))
    (labels ((next ()
               (when (< begun count)
                 (incf begun)
                 (connect-to "127.0.0.1" port
                             (lambda (connection condition)
                               (when condition (error condition))
                               (push connection made)
                               (if (= (length made) count)
                                   (funcall continuation made)
                                   (next)))))))
      (loop repeat 50 do (next)))))

(deftest example-chat-with-1000-clients
  (with-example-server ("chat" '#:chat port)
    (let ((loop (current-loop)) (got 0) (wrong 0) (count 999))
      (many-connections
       port count
       (lambda (connections)
         (dolist (connection connections)
           (start-reading connection
                          (lambda (connection address length)
                            (declare (ignore connection))
                            (unless (string= "hello all" (memory-string address length))
                              (incf wrong))
                            (when (= (incf got) count) (stop-event-loop loop)))))
         ;; The last in the listener's queue: when the chat hears it, all others are in.
         (connect-to "127.0.0.1" port (lambda (connection condition)
                                        (is (null condition))
                                        (send connection "hello all")))))
      (run-event-loop loop)
      (is (= 999 got))
      (is (= 0 wrong)))))

(defun descriptor-limit ()
  (or (parse-integer (uiop:run-program '("/bin/sh" "-c" "ulimit -n") :output :string)
                     :junk-allowed t)
      most-positive-fixnum))

(deftest echo-with-5000-connections
  (when (< (descriptor-limit) 10100) (skip "it needs 10,100 descriptors, ulimit -n"))
  (with-example-server ("echo-callbacks" '#:echo-callbacks port)
    (let ((loop (current-loop)) (got 0) (count 5000))
      (many-connections
       port count
       (lambda (connections)
         (dolist (connection connections)
           (start-reading connection (lambda (connection address length)
                                       (declare (ignore connection address length))
                                       (when (= (incf got) count) (stop-event-loop loop))))
           (send connection "x"))))
      (run-event-loop loop)
      (is (= count got)))))
