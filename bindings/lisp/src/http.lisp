;;;; The requests of SOCKETPOLL/NET's HTTP server: what handlers ask of them, and how they are
;;;; answered. Bodies that come or go in pieces are in http-body.lisp, the server in http-server.lisp.

(in-package #:socketpoll/net)

(defstruct (http-server (:include object) (:copier nil) (:constructor %make-http-server))
  "An HTTP server."
  (address nil)
  (port 0 :type (unsigned-byte 16))
  (routes '() :type list)
  ;; Functions of a request and the next one, the outermost first.
  (middleware '() :type list)
  (access-log nil)
  (stopped nil)
  ;; Of START-HTTP-SERVER: the thread that runs it, and all that share its port, itself included.
  (thread nil)
  (group '() :type list))

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
  (server nil :type (or null http-server))
  (pattern "" :type string)
  (stream-body nil)
  (function #'list :type function))

(defmethod socketpoll::describe-briefly ((route http-route)) (http-route-pattern route))

(defstruct (http-request (:include object) (:copier nil))
  "A request, as its handler gets it. What is asked of it is fetched when it is asked for, as long as
it has not been answered; the body is there before the handler is called."
  (route nil :type (or null http-route))
  (body nil)
  (pieces '() :type list)
  ;; What the handler returns is no response: it has begun one, or reads the body.
  (deferred nil)
  (answered nil)
  ;; The client has gone before: 0 or a code.
  (gone nil)
  (on-close nil)
  ;; A body that is read in pieces, and a response that is sent in pieces.
  (on-data nil)
  (on-end nil)
  (on-drain nil)
  (drained t)
  (status 0 :type fixnum)
  (sent 0 :type unsigned-byte))

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

(defun request-tls-version (request)
  "\"TLSv1.3\" or \"TLSv1.2\", or NIL where the request came in the clear."
  (check-type request http-request)
  (socketpoll::agreed request (socketpoll::last-code (raw:socket-http-get-tls-version
                                                      (socketpoll::object-word request)))
                      "read the TLS version of"))

(defun request-tls-server-name (request)
  "The name that the client has asked for (SNI), or NIL."
  (check-type request http-request)
  (socketpoll::agreed-text request #'raw:socket-http-get-tls-server "read the server name of"))

(defun request-certificate (request &optional (index 0))
  "The client's certificate as octets (DER), or at INDEX those that it sent along; NIL if it showed none:
see the :CLIENT-CERTIFICATES of MAKE-SERVER-TLS."
  (check-type request http-request)
  (socketpoll::agreed-certificate request #'raw:socket-http-get-tls-certificate index))

(defun request-body (request)
  "The body as octets, or NIL if there was none."
  (http-request-body request))

(defun request-on-close (request)
  "NIL, or a function that is called with the request and a code (0 or why) when the client goes
before it was answered. Setf-able."
  (http-request-on-close request))
(defun (setf request-on-close) (function request)
  (setf (http-request-on-close request) (and function (socketpoll::check-function function))))

(defun request-duration (request)
  "The microseconds since the request's first byte."
  (check-type request http-request)
  (socketpoll::check (raw:socket-http-get-duration-us (socketpoll::object-word request))
                     "look into" request))

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
    (log-request request status (length octets))
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
        (cond ((zerop code) (forget-request request))
              ;; No concern of the handler's.
              ((broken-p request code) (request-gone request code))
              (t (setf (http-request-answered request) nil)
                 (socketpoll::fail code "answer" request)))))))

(defun broken-p (request code)
  "Whether CODE says that the client has gone. The event that tells it may be still to come."
  (case code
    ((#.raw:+socket-eclosed+ #.raw:+socket-epipe+ #.raw:+socket-econnreset+) t)
    (#.raw:+socket-ebadhandle+ (object-live-p request))))

(defun log-request (request status bytes)
  "REQUEST is being answered, and can still be asked."
  (setf (http-request-answered request) t)
  (let ((log (http-server-access-log (http-route-server (http-request-route request)))))
    (when log
      (socketpoll::with-handler-protection (request)
        (funcall (the function log) request status bytes)))))

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
  what MAKE-RESPONSE made, or NIL (204).
That the client has gone meanwhile is no error."
  (check-type request http-request)
  (when (http-request-gone request) (return-from respond nil))
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

;;; Handlers

(defun forget-request (request)
  (when (plusp (socketpoll::object-token request)) (socketpoll::unregister request))
  (setf (socketpoll::object-handle request) 0))

(defun request-gone (request status)
  "The client has gone, or a deadline has passed, before REQUEST was answered."
  (setf (http-request-gone request) status)
  (forget-request request)
  (let ((on-close (http-request-on-close request)))
    (when on-close
      (socketpoll::with-handler-protection (request)
        (funcall (the function on-close) request status)))))

(defun follow (request)
  "Has the request's further events reach it, from now on."
  (when (and (zerop (socketpoll::object-token request)) (object-live-p request))
    (socketpoll::register request (object-loop (http-request-route request)))
    (when (minusp (raw:socket-http-set-callback (socketpoll::object-word request)
                                                (sb-sys:int-sap 0)
                                                (socketpoll::object-token request)))
      ;; Its end was told before anybody followed: the handler has run the loop.
      (request-gone request raw:+socket-eclosed+))))

(defmethod socketpoll::nobodys-error-p ((request http-request) condition)
  "A handler that writes to a client which has gone is left by a CONNECTION-ERROR."
  (and (http-request-gone request)
       (typep condition 'connection-error)
       (eq (network-error-object condition) request)))

(defun answer-error (request)
  (cond ((http-request-answered request))
        ((not (object-live-p request)))
        ((plusp (http-request-status request)) (abort-response request))
        (t (handler-case
               (send-response request 500 **text-type** (format nil "Internal Server Error~%"))
             (network-error () (abort-response request))))))

(defun abort-response (request)
  "Closes the connection without the rest of a response."
  (raw:socket-http-abort (socketpoll::object-word request))
  (forget-request request))

(defun pass-on (request middleware handler)
  (declare (type function handler))
  (if middleware
      (funcall (the function (first middleware)) request
               (lambda () (pass-on request (rest middleware) handler)))
      (funcall handler request)))

(defun answer-with (request handler)
  "Answers REQUEST with what HANDLER, a function of it, returns."
  (declare (type function handler))
  (let ((response (socketpoll::with-handler-protection (request :on-error (answer-error request))
                    (funcall handler request))))
    (unless (or (eq response :later) (http-request-deferred request)
                (http-request-answered request) (not (object-live-p request)))
      ;; What the handler returned may be no response.
      (socketpoll::with-handler-protection (request :on-error (answer-error request))
        (respond request response)))))

(defun call-handler (request)
  (let* ((route (http-request-route request))
         (handler (http-route-function route))
         (middleware (http-server-middleware (http-route-server route))))
    (answer-with request (if middleware
                             (lambda (request) (pass-on request middleware handler))
                             handler))))

(defun join-pieces (pieces)
  (let ((whole (make-array (reduce #'+ pieces :key #'length) :element-type 'octet)) (at 0))
    (dolist (piece pieces whole)
      (replace whole (the octets piece) :start1 at)
      (incf at (length piece)))))

(defun handle-body-end (request)
  (let ((on-end (http-request-on-end request)))
    (cond (on-end
           (setf (http-request-deferred request) nil)
           (answer-with request on-end))
          (t (setf (http-request-body request)
                   (join-pieces (nreverse (http-request-pieces request)))
                   (http-request-pieces request) '())
             (call-handler request)))))

(defun handle-request-event (request event)
  (let ((kind (event-kind event)))
    (cond ((= kind raw:+socket-http-body+)
           (let ((on-data (http-request-on-data request)))
             (if on-data
                 (socketpoll::with-handler-protection (request :on-error (answer-error request))
                   (funcall (the function on-data) request (event-data event)
                            (event-length event)))
                 (push (memory-octets (event-data event) (event-length event))
                       (http-request-pieces request)))))
          ((= kind raw:+socket-http-body-end+) (handle-body-end request))
          ((= kind raw:+socket-http-drained+)
           (setf (http-request-drained request) t)
           (let ((on-drain (http-request-on-drain request)))
             (when on-drain
               (socketpoll::with-handler-protection (request :on-error (answer-error request))
                 (funcall (the function on-drain) request)))))
          ((= kind raw:+socket-http-closed+) (request-gone request (event-status event))))))

(defun handle-route-event (route event)
  (when (= (event-kind event) raw:+socket-http-request+)
    (let* ((exchange (event-subject event))
           (request (make-http-request :handle exchange :route route
                                       :loop (object-loop route)
                                       :handler #'handle-request-event)))
      (cond ((or (http-route-stream-body route)
                 (zerop (raw:socket-http-get-body-length exchange)))
             (call-handler request)
             (unless (http-request-answered request) (follow request)))
            (t (follow request)
               (raw:socket-http-read-body exchange))))))
