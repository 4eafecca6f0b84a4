;;;; Operations that complete once: each is a future of the library, delivered as an event, and then
;;;; a call of a Lisp function. It keeps the memory that the library was lent until it has ended.

(in-package #:socketpoll)

(defstruct (operation (:include object) (:copier nil))
  "An operation under way."
  (name "" :type string)
  (subject nil)
  (buffer nil :type (or null buffer))
  (continuation #'list :type function))

(defmethod describe-briefly ((operation operation))
  (format nil "~a ~@[~a~]" (operation-name operation) (operation-subject operation)))

(defun end-operation (operation status length data)
  (let ((buffer (operation-buffer operation)))
    (unregister operation)
    (decf (event-loop-pending (object-loop operation)))
    (setf (object-handle operation) 0)
    (multiple-value-prog1 (funcall (operation-continuation operation) status length data)
      (when buffer (unborrow-buffer buffer)))))

(defun operation-completed (operation event)
  (when (= (event-kind event) raw:+socket-completed+)
    (end-operation operation (event-status event) (event-length event)
                   (ldb (byte 62 0) (event-data event)))))

(defmethod object-abandoned ((operation operation))
  (let ((buffer (operation-buffer operation)))
    (funcall (operation-continuation operation) raw:+socket-ecanceled+ 0 0)
    (when buffer (unborrow-buffer buffer))))

(defun begin-operation (loop name subject buffer begin continuation &key keep)
  "BEGIN, a function of the buffer's address (0 without one), begins an operation and returns its
handle, which CONTINUATION frees if KEEP is true. When it has ended, CONTINUATION is called with its
status, length and data."
  (declare (type function begin continuation))
  (let* ((address (if buffer (borrow-buffer buffer) 0))
         (handle (funcall begin address)))
    (when (zerop handle)
      (let ((code (raw:socket-last-error)))
        (when buffer (unborrow-buffer buffer))
        (return-from begin-operation (fail (closing-code subject code) name subject))))
    (let ((operation (make-operation :handle handle :name name :subject subject :buffer buffer
                                     :continuation continuation
                                     :handler #'operation-completed)))
      (register operation loop)
      (incf (event-loop-pending loop))
      (raw:socket-future-then handle (sb-sys:int-sap 0) (object-token operation))
      (unless keep (raw:socket-future-release handle))
      operation)))

(defgeneric closing-code (subject code)
  (:documentation "Why SUBJECT was closed, where CODE only says that it is.")
  (:method (subject code) (declare (ignore subject)) code))

(defun cancel-operation (operation)
  (when (object-live-p operation)
    (check (raw:socket-future-cancel (object-word operation)) "cancel" operation))
  nil)

(defgeneric cancel (object)
  (:documentation "Ends what is under way: its handler gets an error with the code
+SOCKET-ECANCELED+, once the loop runs. What has ended stays as it is.")
  (:method ((object operation)) (cancel-operation object)))

(defun check-timeout (timeout)
  "TIMEOUT, milliseconds or NIL for none, as the library takes it."
  (check-type timeout (or null (integer -1 #x7fffffff)))
  (or timeout -1))

(defun check-function (function)
  "FUNCTION as a function; a symbol's is looked up at each call, so that it can be redefined."
  (typecase function
    (function function)
    ((and symbol (not null))
     (lambda (&rest arguments)
       (declare (dynamic-extent arguments))
       (apply function arguments)))
    (t (error 'simple-type-error
              :datum function :expected-type '(or function symbol)
              :format-control "~s cannot be called back: a function or the name of one is needed."
              :format-arguments (list function)))))
