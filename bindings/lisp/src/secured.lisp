;;;; TLS on connections: the handshake, and what was agreed on in it.

(in-package #:socketpoll)

(defstruct (handshake (:include operation) (:copier nil))
  "The handshake of a connection that was there before, its subject.")

(defun begin-handshake (connection continuation)
  "CONTINUATION is called with CONNECTION and NIL once it is secured, or with NIL and a condition."
  (declare (type function continuation))
  (let* ((loop (object-loop connection)) (name "start TLS on")
         (handshake
           (make-handshake
            :handle (object-handle connection) :name name :subject connection
            :continuation (lambda (status length data)
                            (declare (ignore length data))
                            (if (minusp status)
                                (funcall continuation nil (network-condition status name connection))
                                (funcall continuation connection nil))))))
    (register handshake loop)
    (incf (event-loop-pending loop))
    (setf (connection-handshake connection) handshake)))

(defun end-handshake (handshake status)
  (let ((connection (operation-subject handshake)))
    (with-handler-protection (connection :on-error (abandon connection))
      (end-operation handshake status 0 0))))

(defun take-handshake (connection status)
  "The handshake of CONNECTION, if there is one, has ended."
  (let ((handshake (shiftf (connection-handshake connection) nil)))
    (when handshake (end-handshake handshake status))))

(defmethod close-object :after ((connection connection))
  (unless (object-live-p connection) (take-handshake connection raw:+socket-ecanceled+)))

(defmethod object-abandoned :before ((handshake handshake))
  "It ends now, and not once more when the connection is closed."
  (setf (connection-handshake (operation-subject handshake)) nil))

(defmethod cancel ((handshake handshake))
  "It costs the connection."
  (let ((connection (operation-subject handshake)))
    (when (object-live-p handshake)
      (call-in-loop (object-loop connection) (lambda () (close-object connection))))
    nil))

(defun connect-securely (loop address tls server-name timeout continuation)
  "CONNECT-TO with TLS."
  (declare (type function continuation))
  (let ((name "connect with TLS to") (future 0))
    (begin-operation
     loop name address nil
     (lambda (nothing)
       (declare (ignore nothing))
       (setf future (with-tls-word (word (client-tls tls))
                      (raw:socket-async-connect-tls (loop-handle loop) address word server-name
                                                    timeout))))
     (lambda (status length stream)
       (declare (ignore length))
       (let ((details (and (tls-code-p status)
                           (failure-text #'raw:socket-future-get-failure future))))
         (free-handle #'raw:socket-future-free future)
         (if (minusp status)
             (funcall continuation nil (network-condition status name address details))
             (funcall continuation (adopt-stream loop stream) nil))))
     :keep t)))

(defun start-tls (connection tls continuation &key server-name timeout)
  "Begins TLS on CONNECTION, to which nothing is queued and from which all has been read, as the side
that TLS is for (T: a client's that trusts the system's authorities). SERVER-NAME is whom the peer's
certificate must be for: required of a client, NIL of a server. CONTINUATION is called with the
connection, or NIL, and a condition, after which it is closed. TIMEOUT is milliseconds. Returns the
operation."
  (check-type connection connection)
  (let* ((continuation (check-function continuation))
         (timeout (check-timeout timeout))
         (code (with-tls-word (word (client-tls tls))
                 (raw:socket-stream-start-tls (object-word connection) word server-name timeout))))
    (if (minusp code)
        (fail (closing-code connection code) "start TLS on" connection)
        (begin-handshake connection continuation))))

(defun (setf listener-tls) (tls listener)
  "Connections of LISTENER that come from here on begin with a handshake of TLS, a server's, and are told
of once it is over; those that fail are closed. NIL: no TLS any more."
  (check-type tls (or null tls))
  (check-type listener listener)
  (let ((code (with-tls-word (word tls)
                (raw:socket-listener-set-tls (object-word listener) word))))
    (if (minusp code)
        (fail-tls code "use TLS on" listener)
        (prog1 (setf (listener-secured-by listener) tls)
          (rest-or-go-on listener)))))

(defun listener-tls (listener)
  "The TLS that connections of LISTENER begin with, or NIL. Setf-able."
  (check-type listener listener)
  (listener-secured-by listener))

;;; What was agreed on

(defun agreed (object value operation)
  "What an OBJECT, a connection or a request, has agreed on: VALUE, or NIL where it is a code that only says that there is no TLS, or not yet."
  (cond ((not (integerp value)) value)
        ((>= value 0) value)
        ((or (= value raw:+socket-enotsup+) (= value raw:+socket-enotconn+)
             (= value raw:+socket-enoent+))
         nil)
        (t (fail (closing-code object value) operation object))))

(defun agreed-text (object function operation)
  (let ((octets (agreed object (call-for-octets (lambda (sap capacity)
                                                  (funcall function (object-word object) sap capacity)))
                        operation)))
    (and octets (plusp (length octets)) (to-string octets))))

(defun agreed-certificate (object function index)
  (agreed object
          (call-for-octets (lambda (sap capacity)
                             (funcall function (object-word object) index sap capacity)))
          "read the certificate of"))

(defun last-code (text)
  "TEXT, or the code that was left behind in its place."
  (or text (raw:socket-last-error)))

(defun connection-tls-version (connection)
  "\"TLSv1.3\" or \"TLSv1.2\", or NIL without TLS."
  (agreed connection (last-code (raw:socket-stream-get-tls-version (object-word connection)))
          "read the TLS version of"))

(defun connection-tls-suite (connection)
  "The IANA name of the cipher suite, or NIL without TLS."
  (agreed connection (last-code (raw:socket-stream-get-tls-suite (object-word connection)))
          "read the cipher suite of"))

(defun connection-tls-protocol (connection)
  "The protocol that ALPN has found, or NIL."
  (agreed-text connection #'raw:socket-stream-get-tls-alpn "read the protocol of"))

(defun connection-tls-server-name (connection)
  "The name that the client has asked for (SNI), or NIL."
  (agreed-text connection #'raw:socket-stream-get-tls-server "read the server name of"))

(defun connection-tls-resumed-p (connection)
  "Whether an earlier session was resumed."
  (eql 1 (agreed connection (raw:socket-stream-is-tls-resumed (object-word connection))
                 "ask about the session of")))

(defun connection-certificate (connection &optional (index 0))
  "The peer's certificate as octets (DER), or at INDEX those that it sent along; NIL if there is none, and
where a session is resumed: it was shown in the first."
  (agreed-certificate connection #'raw:socket-stream-get-tls-certificate index))

(defun connection-tls-failure (connection)
  "Why TLS failed, in a sentence that names the certificate, its dates or the peer's alert, or NIL. Also
of a connection that has ended."
  (or (connection-failure connection)
      (failure-text #'raw:socket-stream-get-tls-failure (object-word connection))))

(defun failure-text (function word)
  "What FUNCTION says about the failure of what WORD is the handle of, or NIL."
  (let ((text (call-for-octets (lambda (sap capacity) (funcall function word sap capacity)))))
    (and (not (integerp text)) (plusp (length text)) (to-string text))))

(defun tls-code-p (code)
  (<= raw:+socket-epassword+ code raw:+socket-etls+))

(defmethod failure-details ((connection connection) code)
  (and (tls-code-p code) (connection-tls-failure connection)))
