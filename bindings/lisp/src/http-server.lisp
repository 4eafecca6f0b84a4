;;;; The HTTP server of SOCKETPOLL/NET: making it, its routes, running and stopping it.

(in-package #:socketpoll/net)

(defun handle-server-event (server event)
  (when (= (event-kind event) raw:+socket-http-stopped+)
    (setf (http-server-stopped server) t)))

(defun set-limits (handle limits)
  "LIMITS: functions of the library and their values, one after the other. 0 or a code."
  (or (loop for (set value) on limits by #'cddr
            for code = (funcall (the function set) handle (or value -1))
            when (minusp code) return code)
      0))

(defun not-built (feature operation)
  (error 'not-built-in :feature feature :operation operation))

(defun make-http-server (&key (host "127.0.0.1") (port 0) (loop (current-loop)) reuse-port access-log
                           cert-file key-file tls
                           (max-head raw:+socket-http-max-head+)
                           (max-target raw:+socket-http-max-target+)
                           (max-fields raw:+socket-http-max-fields+)
                           (max-body raw:+socket-http-max-body+)
                           (max-connections raw:+socket-http-max-connections+)
                           (head-timeout raw:+socket-http-head-timeout-ms+)
                           (body-timeout raw:+socket-http-body-timeout-ms+)
                           (idle-timeout raw:+socket-http-idle-timeout-ms+)
                           (write-timeout raw:+socket-http-write-timeout-ms+)
                           (low-mark raw:+socket-http-low-mark+)
                           (high-mark raw:+socket-http-high-mark+)
                           (stop-grace 0))
  "A server that listens on HOST and PORT (0 picks a free one: HTTP-SERVER-PORT), and answers while
its loop runs. MAX-HEAD, MAX-TARGET, MAX-BODY, LOW-MARK and HIGH-MARK are bytes, MAX-FIELDS and
MAX-CONNECTIONS counts; the times are milliseconds, NIL for none. STOP-GRACE is how long
STOP-HTTP-SERVER leaves idle connections open. ACCESS-LOG is called with each request that a handler
answers, its status and the bytes of its body. With TLS, MAKE-SERVER-TLS's, or with CERT-FILE and
KEY-FILE, pathnames or native names of PEM files, it answers over TLS alone."
  (let* ((tls (or tls (and (or cert-file key-file)
                           (make-server-tls :certificate cert-file :key key-file))))
         (handle (raw:socket-http-server-new (socketpoll::loop-handle loop)))
         (address (socketpoll::address-text host port))
         (access-log (and access-log (socketpoll::check-function access-log))))
    (check-type tls (or null tls))
    (when (zerop handle)
      (return-from make-http-server (socketpoll::fail-last "make an HTTP server on" loop)))
    (let ((server (%make-http-server :handle handle :address address :access-log access-log
                                     :handler #'handle-server-event)))
      (socketpoll::register server loop)
      (raw:socket-http-server-set-callback handle (sb-sys:int-sap 0)
                                           (socketpoll::object-token server))
      (when reuse-port
        (raw:socket-http-server-set-reuseport handle raw:+socket-reuseport-share+))
      (let ((code (set-limits
                   handle
                   (list #'raw:socket-http-server-set-max-head max-head
                         #'raw:socket-http-server-set-max-target max-target
                         #'raw:socket-http-server-set-max-fields max-fields
                         #'raw:socket-http-server-set-max-body max-body
                         #'raw:socket-http-server-set-max-connections max-connections
                         #'raw:socket-http-server-set-head-timeout head-timeout
                         #'raw:socket-http-server-set-body-timeout body-timeout
                         #'raw:socket-http-server-set-idle-timeout idle-timeout
                         #'raw:socket-http-server-set-write-timeout write-timeout
                         #'raw:socket-http-server-set-stop-grace stop-grace
                         (lambda (handle high)
                           (raw:socket-http-server-set-marks handle low-mark high))
                         high-mark))))
        (when (and (zerop code) tls)
          (setf code (socketpoll::with-tls-word (word tls)
                       (raw:socket-http-server-set-tls handle word))))
        (when (zerop code) (setf code (raw:socket-http-server-listen handle address)))
        (when (minusp code)
          (close-object server)
          (return-from make-http-server (socketpoll::fail code "listen on" address))))
      (setf (http-server-port server) (raw:socket-http-server-get-port handle))
      server)))

(defun route (server method pattern handler &key stream-body)
  "Has HANDLER, a function or its name, answer requests of METHOD (\"GET\" or :GET) whose path matches
PATTERN: \"/a/b\", \"/a/:name\" (REQUEST-PARAMETER), \"/a/*\". It is called with the request and
returns what RESPOND takes, or :LATER. An error in it is answered by a 500. With STREAM-BODY it is
called before the body has come, and asks for it by READ-BODY."
  (check-type server http-server)
  (check-type pattern string)
  (let ((route (make-http-route :handle (socketpoll::object-word server) :server server
                                :pattern pattern :stream-body stream-body
                                :function (socketpoll::check-function handler)
                                :handler #'handle-route-event)))
    (socketpoll::register route (object-loop server))
    (let ((code (raw:socket-http-server-route (socketpoll::object-word server) (string method)
                                              pattern (sb-sys:int-sap 0)
                                              (socketpoll::object-token route))))
      (when (minusp code)
        (socketpoll::unregister route)
        (return-from route
          (socketpoll::fail code (format nil "route ~a ~a of" method pattern) server))))
    (push route (http-server-routes server))
    server))

(defun serve-static (server prefix folder &key listing)
  "Answers GET and HEAD below PREFIX with the files of FOLDER, a pathname or a native name; with
LISTING a folder without index.html is listed."
  (check-type server http-server)
  (let ((prefix (if (char= #\/ (char prefix (1- (length prefix))))
                    prefix
                    (concatenate 'string prefix "/")))
        (name (if (pathnamep folder)
                  (sb-ext:native-namestring (translate-logical-pathname folder))
                  folder)))
    (socketpoll::check (raw:socket-http-server-static (socketpoll::object-word server) prefix name
                                                      (if listing raw:+socket-http-listing+ 0))
                       (format nil "serve ~a below ~a by" name prefix) server)
    server))

(defun add-middleware (server function)
  "Puts FUNCTION around all handlers of SERVER, inside of those put there before. It is called with a
request and a function without arguments, which calls what is inside and returns its response; it
returns a response itself, perhaps that one."
  (check-type server http-server)
  (setf (http-server-middleware server)
        (append (http-server-middleware server) (list (socketpoll::check-function function))))
  server)

;;; Running

(defun run-http-server (server)
  "Runs SERVER's loop in this thread until STOP-HTTP-SERVER or STOP-EVENT-LOOP."
  (check-type server http-server)
  (let ((loop (object-loop server)))
    (socketpoll::claim-loop loop)
    (socketpoll::with-run (loop)
      (loop until (http-server-stopped server)
            while (socketpoll::run-turn loop -1)))))

(defmacro with-http-server ((variable &rest options) &body body)
  "Binds VARIABLE to a server that listens (OPTIONS as of MAKE-HTTP-SERVER), evaluates BODY, which adds
routes, runs the server until STOP-HTTP-SERVER or STOP-EVENT-LOOP, and closes it."
  `(let ((,variable (make-http-server ,@options)))
     (unwind-protect (progn ,@body (run-http-server ,variable))
       (close-object ,variable))))

(defmacro with-tls-server ((variable &rest options &key cert-file key-file tls &allow-other-keys)
                           &body body)
  "WITH-HTTP-SERVER over TLS: MAKE-SERVER-TLS's, or with the certificate and the private key in CERT-FILE
and KEY-FILE."
  (unless (or tls (and cert-file key-file))
    (error "WITH-TLS-SERVER needs :CERT-FILE and :KEY-FILE, or :TLS"))
  `(with-http-server (,variable ,@options) ,@body))

(defun bound-here ()
  "What this thread has bound of the variables that concern handlers: names and values."
  (loop for name in '(*development* *error-hook* *standard-output* *error-output*)
        when (nth-value 1 (sb-thread:symbol-value-in-thread name sb-thread:*current-thread* nil))
          collect name into names and collect (symbol-value name) into values
        finally (return (values names values))))

(defun start-in-thread (setup options name)
  "A server of a new thread, once it listens and SETUP has been called with it."
  (let* ((outcome nil) (there (sb-thread:make-semaphore))
         (bound (multiple-value-list (bound-here)))
         (thread (sb-thread:make-thread
                  (lambda ()
                    (progv (first bound) (second bound)
                      (with-event-loop (loop)
                        (let ((server nil))
                          (handler-case
                              (progn (setf server (apply #'make-http-server :loop loop options))
                                     (funcall setup server)
                                     (setf outcome server))
                            (error (condition) (setf outcome condition)))
                          (sb-thread:signal-semaphore there)
                          (when (eq outcome server)
                            (unwind-protect (run-http-server server)
                              (close-object server)))))))
                  :name name)))
    (sb-thread:wait-on-semaphore there)
    (cond ((http-server-p outcome)
           (setf (http-server-thread outcome) thread
                 (http-server-group outcome) (list outcome))
           outcome)
          (t (sb-thread:join-thread thread :default nil)
             (error outcome)))))

(defun with-one-tls (options)
  "OPTIONS with one TLS in place of the names of files: what one worker seals, the next one opens."
  (destructuring-bind (&key cert-file key-file tls &allow-other-keys) options
    (if (and (null tls) (or cert-file key-file))
        (list* :tls (make-server-tls :certificate cert-file :key key-file) options)
        options)))

(defun start-http-server (setup &rest options &key (workers 1) &allow-other-keys)
  "Makes a server (OPTIONS as of MAKE-HTTP-SERVER) in a thread of its own, calls SETUP, a function that
adds routes, with it there, and returns it once it listens. WORKERS, a number or :AUTO for one each
processor, says how many such threads share the port; SETUP is called in each, one after the other,
with that thread's server. STOP-HTTP-SERVER ends them all."
  (check-type workers (or (integer 1 #.raw:+socket-workers-max+) (eql :auto)))
  (let* ((setup (socketpoll::check-function setup))
         (count (if (eq workers :auto) (raw:socket-workers-processors) workers))
         (options (loop for (key value) on options by #'cddr
                        unless (eq key :workers) collect key and collect value))
         (options (with-one-tls (if (> count 1) (list* :reuse-port t options) options)))
         (first (start-in-thread setup options "socketpoll http"))
         (done nil))
    (unwind-protect
         (progn
           (loop repeat (1- count)
                 do (let ((server (start-in-thread setup (list* :port (http-server-port first) options)
                                                   "socketpoll http")))
                      (push server (cdr (http-server-group first)))
                      (setf (http-server-group server) (http-server-group first))))
           (setf done t))
      (unless done (stop-http-server first)))
    first))

(defun stop-http-server (server &key (timeout 5000))
  "Has SERVER answer what it has begun, for at most TIMEOUT milliseconds, and RUN-HTTP-SERVER return;
waits for the threads of START-HTTP-SERVER. From any thread. What is stopped already stays so."
  (check-type server http-server)
  (let ((group (or (http-server-group server) (list server))))
    (dolist (member group)
      (let ((member member))
        (handler-case
            (call-in-loop (object-loop member)
                          (lambda ()
                            (when (object-live-p member)
                              (socketpoll::check (raw:socket-http-server-stop
                                                  (socketpoll::object-word member) timeout)
                                                 "stop" member))))
          (stale-object () nil))))
    (dolist (member group)
      (let ((thread (http-server-thread member)))
        (when (and thread (not (member sb-thread:*current-thread* group :key #'http-server-thread)))
          (sb-thread:join-thread thread :default nil))))
    nil))

;;; What the library does not have yet

(defmacro with-http-client ((variable &rest options) &body body)
  "Binds VARIABLE to an HTTP client. Signals NOT-BUILT-IN."
  (declare (ignore options))
  `(let ((,variable (not-built "an HTTP client" "make an HTTP client")))
     (declare (ignorable ,variable))
     ,@body))

(macrolet ((request (name)
             `(defun ,name (client url &key headers body json)
                "A request of WITH-HTTP-CLIENT's client. Signals NOT-BUILT-IN."
                (declare (ignore client headers body json))
                (not-built "an HTTP client" (format nil "ask for ~a" url)))))
  (request get) (request post) (request put) (request delete))
