;;;; What can go wrong, as conditions: a code of the library becomes the class that a program wants
;;;; to handle. And what becomes of errors in a program's handlers.

(in-package #:socketpoll)

(define-condition network-error (error)
  ((code :initarg :code :initform raw:+socket-eunknown+ :reader network-error-code
         :documentation "The library's code, a negative number.")
   (operation :initarg :operation :initform nil :reader network-error-operation
              :documentation "What was tried, a string.")
   (object :initarg :object :initform nil :reader network-error-object
           :documentation "On what: an object of this library, an address, or NIL.")
   (details :initarg :details :initform nil :reader network-error-details
            :documentation "What else the library knows about it, a string or NIL."))
  (:documentation "Something of the network, the system or the use of this library failed.")
  (:report report-network-error))

(setf (documentation 'network-error-code 'function)
      "The library's code, a negative number: a +SOCKET-E...+ of SOCKETPOLL/RAW.")
(setf (documentation 'network-error-operation 'function)
      "What was tried, as a string that follows \"cannot\".")
(setf (documentation 'network-error-object 'function)
      "What it was tried on: an object of this library, an address, or NIL.")

(setf (documentation 'network-error-details 'function)
      "What else the library knows: of a certificate its subject and dates, of a peer its alert. A string
or NIL.")

(defun network-error-name (condition)
  "The code's name, \"SOCKET_ECONNREFUSED\"."
  (values (raw:socket-error-name (network-error-code condition))))

(defun network-error-text (condition)
  "The code's text, \"connection refused\"."
  (values (raw:socket-error-text (network-error-code condition))))

(defun report-network-error (condition stream)
  (format stream "cannot ~a~@[ ~a~]: ~a~@[: ~a~] (~a)"
          (or (network-error-operation condition) "do this") (network-error-object condition)
          (network-error-text condition) (network-error-details condition)
          (network-error-name condition)))

(define-condition connection-error (network-error) ()
  (:documentation "A connection cannot be made or was lost."))
(define-condition connection-refused (connection-error) ()
  (:documentation "Nobody listens there."))
(define-condition connection-reset (connection-error) ()
  (:documentation "The peer has gone without a farewell."))
(define-condition connection-aborted (connection-error) ()
  (:documentation "The connection ended before it was used."))
(define-condition tls-error (connection-error) ()
  (:documentation "TLS cannot be agreed on, or was broken. The report says why in detail."))
(define-condition tls-refused (tls-error) ()
  (:documentation "The peer refused, with an alert."))
(define-condition tls-nothing-in-common (tls-error) ()
  (:documentation "The two sides have no version, cipher suite or protocol (ALPN) in common."))
(define-condition tls-cut-off (tls-error) ()
  (:documentation "The connection ended without the end that TLS announces: something may be missing."))
(define-condition certificate-error (tls-error) ()
  (:documentation "The peer's certificate is not good for this. The report says whose it is."))
(define-condition certificate-expired (certificate-error) ()
  (:documentation "Its time has passed."))
(define-condition certificate-not-yet-valid (certificate-error) ()
  (:documentation "Its time has not come yet; or the clock here is wrong."))
(define-condition certificate-not-trusted (certificate-error) ()
  (:documentation "It is not from an authority that is trusted."))
(define-condition certificate-for-another-host (certificate-error) ()
  (:documentation "It is good, but somebody else's."))
(define-condition certificate-revoked (certificate-error) ()
  (:documentation "Its authority has taken it back."))
(define-condition certificate-not-pinned (certificate-error) ()
  (:documentation "Its key is none of those that are pinned."))
(define-condition certificate-missing (certificate-error) ()
  (:documentation "The peer showed none."))
(define-condition credential-error (network-error) ()
  (:documentation "A certificate or a private key of one's own, or an authority's, cannot be used."))
(define-condition wrong-password (credential-error) ()
  (:documentation "The private key is encrypted, and not with this password."))

(define-condition timeout-error (network-error) ()
  (:documentation "The time given to an operation has passed."))
(define-condition address-in-use (network-error) ()
  (:documentation "Somebody listens on that address already."))
(define-condition loop-stopped (network-error) ()
  (:documentation "STOP-EVENT-LOOP ended a wait for something else."))
(define-condition not-supported (network-error) ()
  (:documentation "This system cannot do that."))

(define-condition stale-object (network-error) ()
  (:documentation "The object was closed, or is from before this image was saved.")
  (:report (lambda (condition stream)
             (format stream "cannot ~a ~a: it is closed, or from before this image was saved (~a)"
                     (or (network-error-operation condition) "use")
                     (network-error-object condition) (network-error-name condition)))))

(define-condition wrong-thread (network-error) ()
  (:documentation "The object stands on a loop that another thread owns.")
  (:report (lambda (condition stream)
             (format stream "cannot ~a ~a in ~a: it belongs to the thread that runs its loop; ~
CALL-IN-LOOP has a function called there (~a)"
                     (or (network-error-operation condition) "use")
                     (network-error-object condition) sb-thread:*current-thread*
                     (network-error-name condition)))))

(define-condition not-built-in (not-supported)
  ((feature :initarg :feature :reader missing-feature))
  (:default-initargs :code raw:+socket-enotsup+)
  (:documentation "The loaded libsocketpoll was built without something.")
  (:report (lambda (condition stream)
             (format stream "cannot ~a: this libsocketpoll (~a, ~a) is not built with ~a"
                     (network-error-operation condition) (library-version) (library-features)
                     (missing-feature condition)))))

(setf (documentation 'missing-feature 'function)
      "What the library was built without, \"tls\".")

(defun condition-class (code)
  (case code
    (#.raw:+socket-ebadhandle+ 'stale-object)
    (#.raw:+socket-eclosed+ 'stale-object)
    (#.raw:+socket-ewrongthread+ 'wrong-thread)
    (#.raw:+socket-etimedout+ 'timeout-error)
    (#.raw:+socket-eaddrinuse+ 'address-in-use)
    (#.raw:+socket-estopped+ 'loop-stopped)
    (#.raw:+socket-enotsup+ 'not-supported)
    (#.raw:+socket-econnrefused+ 'connection-refused)
    ((#.raw:+socket-econnreset+ #.raw:+socket-epipe+) 'connection-reset)
    (#.raw:+socket-econnaborted+ 'connection-aborted)
    ((#.raw:+socket-enotconn+ #.raw:+socket-enetunreach+ #.raw:+socket-ehostunreach+
      #.raw:+socket-enetdown+ #.raw:+socket-enoname+ #.raw:+socket-enameserver+)
     'connection-error)
    (#.raw:+socket-etls+ 'tls-error)
    (#.raw:+socket-ealert+ 'tls-refused)
    (#.raw:+socket-enocommon+ 'tls-nothing-in-common)
    (#.raw:+socket-ecutoff+ 'tls-cut-off)
    (#.raw:+socket-ecert-expired+ 'certificate-expired)
    (#.raw:+socket-ecert-not-yet+ 'certificate-not-yet-valid)
    (#.raw:+socket-ecert-issuer+ 'certificate-not-trusted)
    (#.raw:+socket-ecert-name+ 'certificate-for-another-host)
    (#.raw:+socket-ecert-revoked+ 'certificate-revoked)
    (#.raw:+socket-ecert-pin+ 'certificate-not-pinned)
    (#.raw:+socket-ecert-missing+ 'certificate-missing)
    (#.raw:+socket-ecert+ 'certificate-error)
    (#.raw:+socket-ecredential+ 'credential-error)
    (#.raw:+socket-epassword+ 'wrong-password)
    (t 'network-error)))

(defgeneric failure-details (object code)
  (:documentation "What is known about the failure CODE of OBJECT beside that, a string or NIL.")
  (:method (object code) (declare (ignore object code)) nil))

(defun network-condition (code operation object &optional details)
  "The condition for CODE, not signaled."
  (make-condition (condition-class code) :code code :operation operation :object object
                                         :details (or details (failure-details object code))))

(defun fail (code operation object &optional details)
  "Signals what CODE stands for; the restart USE-VALUE returns another value in its place."
  (restart-case (error (network-condition code operation object details))
    (use-value (value)
      :report (lambda (stream) (format stream "Return a value in place of this: ~a." operation))
      :interactive (lambda () (format *query-io* "Value: ") (list (eval (read *query-io*))))
      value)))

(defun fail-last (operation object)
  "The same for what a constructor left behind."
  (fail (raw:socket-last-error) operation object))

(declaim (inline check))
(defun check (result operation object)
  "RESULT, unless it is a code."
  (if (minusp result) (fail result operation object) result))

;;; Handlers. An error in one costs what it is about, and nothing else.

(defvar *development* nil
  "True: an error in a handler enters the debugger, with the restarts USE-VALUE (which gives the
handler a result) and ABORT (which closes what the handler is about, and goes on). NIL, for
production: it is told to *ERROR-HOOK*, what the handler is about is closed (a request gets a 500),
and the loop goes on.")

(defun report-error (condition object)
  (format *error-output* "~&;; socketpoll: an error in a handler of ~a: ~a~%" object condition)
  (finish-output *error-output*))

(defvar *error-hook* 'report-error
  "A function of the condition and the object, called for each error in a handler in production.
The default writes a line to *ERROR-OUTPUT*. It must not signal.")

(defgeneric nobodys-error-p (object condition)
  (:documentation "Whether CONDITION only ends what a handler of OBJECT did, and is to be told nobody.")
  (:method (object condition) (declare (ignore object condition)) nil))

(defun judge-error (condition object)
  "What becomes of an error in a handler of OBJECT: a list of values that take the place of the
handler's, or :ABANDON."
  (when (nobodys-error-p object condition) (return-from judge-error :abandon))
  (when *development*
    (restart-case (invoke-debugger condition)
      (use-value (&rest values)
        :report "Give the handler a result."
        :interactive (lambda () (format *query-io* "Result: ") (list (eval (read *query-io*))))
        (return-from judge-error values))
      (abort ()
        :report (lambda (stream) (format stream "Close ~a and go on with the loop." object))
        (return-from judge-error :abandon))))
  (funcall *error-hook* condition object)
  :abandon)

(defmacro with-handler-protection ((object &key on-error) &body body)
  "The values of BODY, a call of a program's handler about OBJECT. After an error the forms ON-ERROR
are evaluated, and NIL is returned. Conses nothing as long as all goes well."
  (let ((done (gensym)) (failed (gensym)) (about (gensym)))
    `(let ((,about ,object))
       (block ,done
         (block ,failed
           (return-from ,done
             (handler-bind (((or error storage-condition)
                              (lambda (condition)
                                ;; It cannot outlive the block; a check for that would cons.
                                (declare (optimize (safety 0)))
                                (let ((verdict (judge-error condition ,about)))
                                  (if (listp verdict)
                                      (return-from ,done (values-list verdict))
                                      (return-from ,failed nil))))))
               ,@body)))
         ,on-error
         nil))))
