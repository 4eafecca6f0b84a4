;;;; The event loop: making and freeing it, and the table of the objects that stand on it. Events name
;;;; their object by the `user` word, an index into that table and a generation.

(in-package #:socketpoll)

(defconstant +batch+ 256 "events that one call of the library brings at most")
(defconstant +batch-bytes+ (* +batch+ raw:+socket-completion-size+))

(defstruct (event-loop (:constructor %make-event-loop) (:copier nil) (:predicate event-loop-p))
  "An event loop; it and what stands on it belong to the thread that runs it."
  (handle 0 :type raw:word)
  (epoch **epoch** :type (unsigned-byte 62))
  ;; The array of events, and which of them are still to be taken: see events.lisp.
  (events 0 :type address)
  (cursor 0 :type fixnum)
  (end 0 :type fixnum)
  (taking -1 :type fixnum)
  (running nil)
  (array-lent nil)
  (left-over '() :type list)
  ;; The outermost run's array.
  (own-events 0 :type address)
  ;; struct pollfd; 0 where the loop has no descriptor to wait on.
  (pollfd 0 :type address)
  ;; Objects by index; a free element holds the index of the next one.
  (objects (vector) :type simple-vector)
  (free -1 :type fixnum)
  (generation 0 :type (unsigned-byte 29))
  (pending 0 :type fixnum)
  (thread sb-thread:*current-thread*)
  ;; What other threads want done: CALL-IN-LOOP.
  (lock (sb-thread:make-mutex :name "socketpoll loop") :read-only t)
  (changed (sb-thread:make-waitqueue) :read-only t)
  ;; Other threads that wait for it to change: telling nobody would cost a system call.
  (waiting 0 :type fixnum)
  (calls '() :type list)
  ;; Connections that come from other loops: how many so far, and the functions that wait for them.
  (arrivals 0 :type (unsigned-byte 32))
  (arriving '() :type list)
  ;; Sockets of SOCKETPOLL/NET:ADD-SOCKET and their watches.
  (sockets '() :type list))

(setf (documentation 'event-loop-pending 'function)
      "How many operations are under way on the loop.")

(defstruct (object (:copier nil))
  "What stands on a loop."
  (handle 0 :type raw:word)
  (epoch **epoch** :type (unsigned-byte 62))
  (token 0 :type raw:word)
  (loop nil :type (or null event-loop))
  ;; A function of the object and the event.
  (handler #'ignore-event :type function))

(defun ignore-event (object event)
  (declare (ignore object event))
  nil)

(setf (documentation 'event-loop-p 'function)
      "Whether something is an event loop.")
(setf (documentation 'object-loop 'function)
      "The loop that the object stands on.")
(setf (documentation 'object-handle 'function)
      "The object's handle for SOCKETPOLL/RAW, 0 once it is closed.")

(declaim (inline loop-handle object-word object-live-p))
(defun loop-handle (loop)
  "Its word for the library, or 0 for what is from another epoch."
  (if (= (event-loop-epoch loop) **epoch**) (event-loop-handle loop) 0))
(defun object-word (object)
  (if (= (object-epoch object) **epoch**) (object-handle object) 0))
(defun object-live-p (object)
  "False once OBJECT is closed, or from before this image was saved."
  (plusp (object-word object)))

(defun loop-backend (loop)
  "The name of the loop's backend, \"epoll\"."
  (values (raw:socket-loop-get-backend-name (loop-handle loop))))

(defmethod print-object ((loop event-loop) stream)
  (print-unreadable-object (loop stream :type t :identity t)
    (if (zerop (loop-handle loop))
        (format stream "closed")
        (format stream "~a, ~d operations under way" (loop-backend loop)
                (event-loop-pending loop)))))

(defgeneric describe-briefly (object)
  (:documentation "What tells OBJECT from others of its type, as a string.")
  (:method (object) (declare (ignore object)) ""))

(defmethod print-object ((object object) stream)
  (print-unreadable-object (object stream :type t :identity t)
    (format stream "~a~:[ closed~;~]" (describe-briefly object) (object-live-p object))))

;;; Making and freeing

(defun free-handle (function handle)
  "Calls one of the library's functions that take a variable which holds a handle, and null it where
they have freed it: whether they have."
  (declare (type function function))
  (sb-alien:with-alien ((variable (sb-alien:unsigned 64)))
    (setf variable handle)
    (funcall function (sb-alien:alien-sap (sb-alien:addr variable)))
    (zerop variable)))

(defun free-loop-memory (handle events pollfd)
  "False if another thread runs the loop, which then stays as it is."
  (when (free-handle #'raw:socket-loop-free handle)
    (free-memory events)
    (unless (zerop pollfd) (free-memory pollfd))
    t))

(defun make-pollfd (handle)
  (let ((fd (raw:socket-loop-get-fd handle)))
    (if (minusp fd)
        0
        (let ((pollfd (allocate-memory 8)))
          (setf (sb-sys:signed-sap-ref-32 (address-sap pollfd) 0) fd
                ;; POLLIN
                (sb-sys:sap-ref-32 (address-sap pollfd) 4) 1)
          pollfd))))

(defun make-event-loop (&key backend)
  "A new loop over the platform's best backend, or the one named by BACKEND (\"epoll\", \"poll\").
It is freed with FREE-EVENT-LOOP, or by the garbage collector."
  (check-type backend (or null string))
  (let ((handle (raw:socket-loop-new-backend backend)))
    (when (zerop handle)
      (fail-last "make an event loop" backend)
      (error (network-condition (raw:socket-last-error) "make an event loop" backend)))
    (let* ((events (allocate-memory +batch-bytes+))
           (pollfd (make-pollfd handle))
           (loop (%make-event-loop :handle handle :events events :own-events events
                                  :pollfd pollfd)))
      (sb-ext:finalize loop (lambda () (free-loop-memory handle events pollfd)) :dont-save t))))

(defun free-event-loop (loop)
  "Frees LOOP and closes all that stands on it. In a thread that does not own it, while another one
runs it: WRONG-THREAD."
  (check-type loop event-loop)
  (let ((handle (loop-handle loop)))
    (unless (zerop handle)
      (unless (free-loop-memory handle (event-loop-own-events loop) (event-loop-pollfd loop))
        (return-from free-event-loop (fail raw:+socket-ewrongthread+ "free" loop)))
      (sb-ext:cancel-finalization loop)
      (loop for (array) in (shiftf (event-loop-left-over loop) '()) do (free-memory array))
      (setf (event-loop-handle loop) 0 (event-loop-end loop) 0 (event-loop-cursor loop) 0)
      (loop for object across (event-loop-objects loop)
            when (typep object 'object)
              do (setf (object-handle object) 0) (object-abandoned object))
      (setf (event-loop-objects loop) (vector) (event-loop-free loop) -1
            (event-loop-pending loop) 0)))
  nil)

(defgeneric object-abandoned (object)
  (:documentation "The loop of OBJECT has been freed, and its handle with it.")
  (:method (object) (declare (ignore object)) nil))

(defvar *loop* nil "The loop that WITH-EVENT-LOOP bound, or NIL.")
(defvar *thread-loops* (make-hash-table :test 'eq :weakness :key :synchronized t))

(defun current-loop ()
  "The loop of the innermost WITH-EVENT-LOOP, or else this thread's own, which is made when it is
first asked for."
  (let ((loop (or *loop* (gethash sb-thread:*current-thread* *thread-loops*))))
    (if (and loop (plusp (loop-handle loop)))
        loop
        (let ((new (make-event-loop)))
          (setf (gethash sb-thread:*current-thread* *thread-loops*) new)
          (when *loop* (setf *loop* new))
          new))))

(defmacro with-event-loop ((&optional (variable (gensym)) backend) &body body)
  "Makes a new loop the current one for BODY, binds VARIABLE to it, and frees it at the end.
BACKEND as of MAKE-EVENT-LOOP."
  `(let* ((,variable (make-event-loop :backend ,backend)) (*loop* ,variable))
     (unwind-protect (progn ,@body)
       (free-event-loop ,variable))))

;;; The table of objects

(defun grow-objects (loop)
  (let* ((old (event-loop-objects loop))
         (new (make-array (max 64 (* 2 (length old))))))
    (replace new old)
    (loop for index from (length old) below (length new)
          do (setf (svref new index)
                   (if (= (1+ index) (length new)) (event-loop-free loop) (1+ index))))
    (setf (event-loop-free loop) (length old)
          (event-loop-objects loop) new)))

(defun register (object loop)
  "Gives OBJECT a token of LOOP: what `user` is to be set to."
  (when (minusp (event-loop-free loop)) (grow-objects loop))
  (let ((index (event-loop-free loop)))
    (setf (event-loop-free loop) (svref (event-loop-objects loop) index)
          (svref (event-loop-objects loop) index) object
          (event-loop-generation loop) (ldb (byte 29 0) (1+ (event-loop-generation loop)))
          (object-loop object) loop
          (object-token object) (logior index (ash (event-loop-generation loop) 32)))))

(defun unregister (object)
  "No event reaches OBJECT any more."
  (let* ((loop (object-loop object))
         (index (ldb (byte 32 0) (object-token object))))
    (when (and (< index (length (event-loop-objects loop)))
               (eq (svref (event-loop-objects loop) index) object))
      (setf (svref (event-loop-objects loop) index) (event-loop-free loop)
            (event-loop-free loop) index))))
