;;;; The HTTP server of SOCKETPOLL/NET: routes whose handlers are Lisp functions of a request.

(in-package #:socketpoll/net)

(defstruct (http-server (:include object) (:copier nil) (:constructor %make-http-server))
  "An HTTP server."
  (address nil)
  (port 0 :type (unsigned-byte 16))
  (routes '() :type list)
  (stopped nil))

(setf (documentation 'http-server-port 'function)
      "The port that the server listens on. From any thread.")

(socketpoll::define-closing http-server raw:socket-http-server-free)

(defmethod socketpoll::describe-briefly ((server http-server))
  (format nil "~@[on ~a~]" (http-server-address server)))

(defmethod close-object :after ((server http-server))
  (dolist (route (shiftf (http-server-routes server) '()))
    (socketpoll::unregister route)
    (setf (socketpoll::object-handle route) 0)))

(defstruct (http-route (:include object) (:copier nil))
  (pattern "" :type string)
  (function #'list :type function))

(defmethod socketpoll::describe-briefly ((route http-route)) (http-route-pattern route))

(defstruct (http-request (:include object) (:copier nil))
  "A request, as its handler gets it. What is asked of it is fetched when it is asked for, as long as
it has not been answered; the body is there before the handler is called."
  (route nil)
  (body nil)
  (pieces '() :type list)
  (answered nil))

(defmethod socketpoll::describe-briefly ((request http-request))
  (if (object-live-p request)
      (format nil "~a ~a" (request-method request) (request-uri request))
      ""))

(defstruct (http-response (:conc-name response-)
                          (:constructor make-response
                              (&key (status 200) headers body content-type)))
  "What a handler may return: a status, an alist of header fields, a body (a string, octets or NIL)."
  (status 200)
  (headers '())
  (body nil)
  (content-type nil))

(setf (documentation 'make-response 'function)
      "A response for RESPOND: STATUS (200), HEADERS (an alist of strings), BODY (a string, octets or
NIL) and CONTENT-TYPE.")
(setf (documentation 'response-status 'function)
      "The status code. Setf-able.")
(setf (documentation 'response-headers 'function)
      "The header fields, an alist. Setf-able.")
(setf (documentation 'response-body 'function)
      "The body: a string, octets or NIL. Setf-able.")

(defun request-part (value request)
  (or value
      (if (object-live-p request)
          nil
          (values (socketpoll::fail raw:+socket-ebadhandle+ "look into" request)))))

(macrolet ((part (name function documentation)
             `(defun ,name (request)
                ,documentation
                (check-type request http-request)
                (request-part (,function (socketpoll::object-word request)) request))))
  (part request-method raw:socket-http-get-method "The request's method, \"GET\".")
  (part request-uri raw:socket-http-get-target "What was asked for, \"/a/b?c=d\", as it was sent.")
  (part request-path raw:socket-http-get-path "The same without the query, still percent-encoded.")
  (part request-query raw:socket-http-get-query "What follows the question mark, or NIL."))

(defun request-header (request name)
  "The value of the first header field NAME, whatever its case, or NIL."
  (check-type request http-request)
  (request-part (raw:socket-http-get-header (socketpoll::object-word request) name) request))

(defun request-headers (request)
  "All header fields as an alist of strings, in their order."
  (check-type request http-request)
  (let ((word (socketpoll::object-word request)))
    (loop for index from 0 below (socketpoll::check (raw:socket-http-get-header-count word)
                                                    "look into" request)
          collect (cons (raw:socket-http-get-header-name word index)
                        (raw:socket-http-get-header-value word index)))))

(defun request-parameter (request name)
  "What stands in the place of \":NAME\" in the route's pattern, or for \"*\" the rest of the path."
  (check-type request http-request)
  (request-part (raw:socket-http-get-parameter (socketpoll::object-word request) name) request))

(defun request-peer (request)
  "The client's address, without its port."
  (check-type request http-request)
  (let ((text (socketpoll::call-with-text
               160 (lambda (sap capacity)
                     (raw:socket-http-get-peer (socketpoll::object-word request) sap capacity)))))
    (if (stringp text) text (socketpoll::fail text "find the peer of" request))))

(defun request-body (request)
  "The body as octets, or NIL if there was none."
  (http-request-body request))

(defun request-text (request)
  "The body as a string, decoded as UTF-8, or NIL."
  (let ((body (http-request-body request))) (and body (to-string body))))

;;; Answering

;; With their NUL: handed to C as they are, for a string is converted at each call.
(declaim (type octets **text-type** **octets-type**))
(sb-ext:defglobal **text-type**
    (sb-ext:string-to-octets "text/plain; charset=utf-8" :null-terminate t))
(sb-ext:defglobal **octets-type**
    (sb-ext:string-to-octets "application/octet-stream" :null-terminate t))

(defun send-response (request status type body)
  "BODY: a string or octets. TYPE: a string, octets with a NUL, or NIL."
  (let ((octets (to-octets body)) (word (socketpoll::object-word request))
        (type (etypecase type
                (octets type)
                (null nil)
                (string (sb-ext:string-to-octets type :external-format :utf-8
                                                      :null-terminate t)))))
    (declare (type octets octets) (type (or null octets) type))
    (sb-sys:with-pinned-objects (octets type)
      (let ((code (sb-alien:alien-funcall
                   (sb-alien:extern-alien "SocketHTTP_respond"
                                          (function (sb-alien:signed 32) (sb-alien:unsigned 64)
                                                    (sb-alien:signed 32)
                                                    sb-sys:system-area-pointer
                                                    sb-sys:system-area-pointer
                                                    (sb-alien:signed 64)))
                   word status (if type (sb-sys:vector-sap type) (sb-sys:int-sap 0))
                   (sb-sys:vector-sap octets) (length octets))))
        (case code
          ;; The client may have gone: no concern of the handler's.
          ((0 #.raw:+socket-eclosed+ #.raw:+socket-epipe+ #.raw:+socket-econnreset+)
           (setf (http-request-answered request) t)
           (forget-request request)
           0)
          (t (socketpoll::fail code "answer" request)))))))

(defun add-headers (request headers)
  "HEADERS, an alist or a plist. The Content-Type is returned instead of added."
  (let ((type nil) (word (socketpoll::object-word request)))
    (flet ((add (name value)
             (let ((name (string name)) (value (princ-to-string value)))
               (if (string-equal name "Content-Type")
                   (setf type value)
                   (socketpoll::check (raw:socket-http-add-header word name value)
                                      (format nil "add the header ~a to the answer of" name)
                                      request)))))
      (if (consp (first headers))
          (loop for (name . value) in headers
                do (add name (if (consp value) (first value) value)))
          (loop for (name value) on headers by #'cddr do (add name value))))
    type))

(defun respond (request response)
  "Answers REQUEST, at any time after its handler has returned :LATER or inside of it. RESPONSE is
  a string (200, text/plain in UTF-8) or octets (200, application/octet-stream),
  a list (STATUS HEADERS BODY), HEADERS an alist or plist, BODY a string, octets or NIL,
  what MAKE-RESPONSE made, or NIL (204)."
  (check-type request http-request)
  (flet ((answer (status headers body type)
           (check-type status (integer 200 999))
           (check-type body (or null string vector))
           (let ((given (add-headers request headers)))
             (send-response request status
                            (or given type
                                (etypecase body
                                  (null nil) (string **text-type**) (vector **octets-type**)))
                            (or body #.(make-array 0 :element-type '(unsigned-byte 8)))))))
    (etypecase response
      (string (send-response request 200 **text-type** response))
      (vector (send-response request 200 **octets-type** response))
      (null (answer 204 '() nil nil))
      (http-response (answer (response-status response) (response-headers response)
                             (response-body response) (response-content-type response)))
      (cons (destructuring-bind (status &optional headers body) response
              (answer status headers body nil)))))
  nil)

(defun forget-request (request)
  (when (plusp (socketpoll::object-token request)) (socketpoll::unregister request))
  (setf (socketpoll::object-handle request) 0))

(defun answer-error (request)
  (cond ((http-request-answered request))
        ((object-live-p request)
         (handler-case
             (send-response request 500 **text-type** (format nil "Internal Server Error~%"))
           (network-error ()
             (raw:socket-http-abort (socketpoll::object-word request))
             (forget-request request))))))

(defun call-handler (request)
  (let ((response (socketpoll::with-handler-protection (request :on-error (answer-error request))
                    (funcall (http-route-function (http-request-route request)) request))))
    (unless (or (eq response :later) (http-request-answered request)
                (not (object-live-p request)))
      ;; What the handler returned may be no response.
      (socketpoll::with-handler-protection (request :on-error (answer-error request))
        (respond request response)))))

(defun join-pieces (pieces)
  (let ((whole (make-array (reduce #'+ pieces :key #'length) :element-type 'octet)) (at 0))
    (dolist (piece pieces whole)
      (replace whole (the octets piece) :start1 at)
      (incf at (length piece)))))

(defun handle-request-event (request event)
  (let ((kind (event-kind event)))
    (cond ((= kind raw:+socket-http-body+)
           (push (memory-octets (event-data event) (event-length event))
                 (http-request-pieces request)))
          ((= kind raw:+socket-http-body-end+)
           (setf (http-request-body request)
                 (join-pieces (nreverse (http-request-pieces request)))
                 (http-request-pieces request) '())
           (call-handler request))
          ((= kind raw:+socket-http-closed+)
           (forget-request request)))))

(defun handle-route-event (route event)
  (when (= (event-kind event) raw:+socket-http-request+)
    (let* ((exchange (event-subject event))
           (request (make-http-request :handle exchange :route route
                                       :loop (object-loop route)
                                       :handler #'handle-request-event)))
      (cond ((zerop (raw:socket-http-get-body-length exchange))
             (call-handler request)
             (unless (http-request-answered request) (follow request)))
            (t (follow request)
               (raw:socket-http-read-body exchange))))))

(defun follow (request)
  "Has the request's further events reach it."
  (socketpoll::register request (object-loop (http-request-route request)))
  (raw:socket-http-set-callback (socketpoll::object-word request) (sb-sys:int-sap 0)
                                (socketpoll::object-token request)))

;;; The server

(defun handle-server-event (server event)
  (when (= (event-kind event) raw:+socket-http-stopped+)
    (setf (http-server-stopped server) t)))

(defun make-http-server (&key (host "127.0.0.1") (port 0) (loop (current-loop)) reuse-port)
  "A server that listens on HOST and PORT (0 picks a free one: HTTP-SERVER-PORT), and answers while
its loop runs."
  (let ((handle (raw:socket-http-server-new (socketpoll::loop-handle loop)))
        (address (socketpoll::address-text host port)))
    (when (zerop handle)
      (return-from make-http-server (socketpoll::fail-last "make an HTTP server on" loop)))
    (let ((server (%make-http-server :handle handle :address address
                                     :handler #'handle-server-event)))
      (socketpoll::register server loop)
      (raw:socket-http-server-set-callback handle (sb-sys:int-sap 0)
                                           (socketpoll::object-token server))
      (when reuse-port
        (raw:socket-http-server-set-reuseport handle raw:+socket-reuseport-share+))
      (let ((code (raw:socket-http-server-listen handle address)))
        (when (minusp code)
          (close-object server)
          (return-from make-http-server (socketpoll::fail code "listen on" address))))
      (setf (http-server-port server) (raw:socket-http-server-get-port handle))
      server)))

(defun route (server method pattern handler)
  "Has HANDLER, a function or its name, answer requests of METHOD (\"GET\" or :GET) whose path matches
PATTERN: \"/a/b\", \"/a/:name\" (REQUEST-PARAMETER), \"/a/*\". It is called with the request and
returns what RESPOND takes, or :LATER. An error in it is answered by a 500."
  (check-type server http-server)
  (check-type pattern string)
  (let ((route (make-http-route :handle (socketpoll::object-word server) :pattern pattern
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

(defun run-http-server (server)
  "Runs SERVER's loop in this thread until STOP-HTTP-SERVER or STOP-EVENT-LOOP."
  (check-type server http-server)
  (let ((loop (object-loop server)))
    (socketpoll::claim-loop loop)
    (loop until (http-server-stopped server)
          while (run-once loop))))

(defun stop-http-server (server &key (timeout 5000))
  "Has SERVER answer what it has begun, for at most TIMEOUT milliseconds, and RUN-HTTP-SERVER return.
From any thread."
  (check-type server http-server)
  (call-in-loop (object-loop server)
                (lambda ()
                  (socketpoll::check (raw:socket-http-server-stop (socketpoll::object-word server)
                                                                  timeout)
                                     "stop" server))))

(defmacro with-http-server ((variable &rest options) &body body)
  "Binds VARIABLE to a server that listens (OPTIONS as of MAKE-HTTP-SERVER), evaluates BODY, which adds
routes, runs the server until STOP-HTTP-SERVER or STOP-EVENT-LOOP, and closes it."
  `(let ((,variable (make-http-server ,@options)))
     (unwind-protect (progn ,@body (run-http-server ,variable))
       (close-object ,variable))))

;;; What the library does not have yet

(defun not-built (feature operation)
  (error 'not-built-in :feature feature :operation operation))

(defmacro with-tls-server ((variable &rest options) &body body)
  "WITH-HTTP-SERVER over TLS. Signals NOT-BUILT-IN."
  (declare (ignore options))
  `(let ((,variable (not-built "tls" "serve HTTPS")))
     (declare (ignorable ,variable))
     ,@body))

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
