;;;; The event loop. Events are pulled into an array in foreign memory and taken from it one by one;
;;;; each names its object by the `user` word, an index into the loop's table and a generation. All
;;;; handlers run in Lisp, on the thread that runs the loop; C never calls into Lisp.
;;;;
;;;; Interrupts. The library is entered with interrupts deferred, so that nothing unwinds through C
;;;; and no event is lost between the two. It never waits in there: the waiting is done here, by
;;;; poll(2) on the loop's descriptor with interrupts enabled. Ctrl-C, timers of SB-EXT and
;;;; INTERRUPT-THREAD thus act at once, and may unwind or continue.
;;;;
;;;; Floating point. C expects its default, no traps: they are masked while the library runs its loop.
;;;; What else is called computes with none.

(in-package #:socketpoll)

(defconstant +batch+ 256 "events that one call of the library brings at most")

(defstruct (event-loop (:constructor %make-event-loop) (:copier nil) (:predicate event-loop-p))
  "An event loop; it and what stands on it belong to the thread that runs it."
  (handle 0 :type raw:word)
  (epoch **epoch** :type (unsigned-byte 62))
  ;; The array of events, and which of them are still to be taken.
  (events 0 :type address)
  (cursor 0 :type fixnum)
  (end 0 :type fixnum)
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
  (calls '() :type list)
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
    (let* ((events (allocate-memory (* +batch+ raw:+socket-completion-size+)))
           (pollfd (make-pollfd handle))
           (loop (%make-event-loop :handle handle :events events :pollfd pollfd)))
      (sb-ext:finalize loop (lambda () (free-loop-memory handle events pollfd)) :dont-save t))))

(defun free-event-loop (loop)
  "Frees LOOP and closes all that stands on it. In a thread that does not own it, while another one
runs it: WRONG-THREAD."
  (check-type loop event-loop)
  (let ((handle (loop-handle loop)))
    (unless (zerop handle)
      (unless (free-loop-memory handle (event-loop-events loop) (event-loop-pollfd loop))
        (return-from free-event-loop (fail raw:+socket-ewrongthread+ "free" loop)))
      (sb-ext:cancel-finalization loop)
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

;;; Events

(deftype event ()
  "An event: the address of a SocketCompletion_T, valid until the next one is asked for."
  'address)

(macrolet ((reader (name raw documentation)
             `(progn (declaim (inline ,name))
                     (defun ,name (event) ,documentation (,raw (address-sap event))))))
  (reader event-kind raw:socket-completion-kind "What happened: a +SOCKET-...+ of SOCKETPOLL/RAW.")
  (reader event-status raw:socket-completion-status "0, or a code.")
  (reader event-subject raw:socket-completion-subject "The handle that the event is about.")
  (reader event-source raw:socket-completion-source "The handle that it came from.")
  (reader event-length raw:socket-completion-length "The number of bytes, or another number.")
  (reader event-user raw:socket-completion-user "The token of the object that it is about."))

(declaim (inline event-data event-object next-event))
(defun event-data (event)
  "The address of the bytes that came with it: valid until the loop waits again."
  (sap-address (raw:socket-completion-data (address-sap event))))

(defun event-object (loop event)
  "The object that EVENT is about, or NIL if it was closed meanwhile."
  (let* ((user (event-user event))
         (index (ldb (byte 32 0) user))
         (objects (event-loop-objects loop)))
    (and (< index (length objects))
         (let ((object (svref objects index)))
           (and (typep object 'object) (= (object-token object) user) object)))))

(defun clock-ms ()
  (values (floor (get-internal-real-time) (/ internal-time-units-per-second 1000))))

(defun wait-readable (loop timeout-ms)
  "Waits for the loop's descriptor with interrupts enabled; comes back early after one."
  (declare (type (signed-byte 32) timeout-ms))
  (sb-alien:alien-funcall
   (sb-alien:extern-alien "poll" (function sb-alien:int (sb-alien:unsigned 64)
                                           (sb-alien:unsigned 64) sb-alien:int))
   (event-loop-pollfd loop) 1 timeout-ms))

(defun fetch-event (loop timeout-ms)
  "The next event: one that is there already (a debugger may have run the loop in between), or of one
call of the library. 0 if there is none, or a code."
  (declare (type (signed-byte 32) timeout-ms))
  (unless (eq (event-loop-thread loop) sb-thread:*current-thread*)
    (setf (event-loop-thread loop) sb-thread:*current-thread*))
  (sb-sys:without-interrupts
    (let ((cursor (event-loop-cursor loop)) (count 1))
      (declare (type fixnum cursor count))
      (when (>= cursor (event-loop-end loop))
        (setf count (sb-int:with-float-traps-masked (:invalid :overflow :divide-by-zero :inexact)
                      (raw:socket-loop-wait (loop-handle loop)
                                            (address-sap (event-loop-events loop))
                                            +batch+ timeout-ms)))
        (when (plusp count)
          (setf cursor 0 (event-loop-end loop) count)))
      (cond ((plusp count)
             (setf (event-loop-cursor loop) (1+ cursor))
             (sb-ext:truly-the (signed-byte 62)
                               (+ (event-loop-events loop)
                                  (sb-ext:truly-the (unsigned-byte 32)
                                                    (* cursor raw:+socket-completion-size+)))))
            (t count)))))

(defconstant +slice-ms+ 20 "the longest deferral of an interrupt where there is no descriptor")

(defun refill (loop timeout-ms)
  "Waits for events. The first one, 0 at the timeout, or -1 after STOP-EVENT-LOOP."
  (declare (type (signed-byte 32) timeout-ms) (optimize speed))
  (let ((event (fetch-event loop 0)))
    (declare (type (signed-byte 62) event))
    (when (and (zerop event) (/= timeout-ms 0))
      (let ((deadline (and (plusp timeout-ms) (+ (the (unsigned-byte 60) (clock-ms)) timeout-ms)))
            (blind (zerop (event-loop-pollfd loop))))
        (declare (type (or null (unsigned-byte 61)) deadline))
        (loop
          (let* ((left (if deadline
                           (max 0 (- deadline (the (unsigned-byte 60) (clock-ms))))
                           -1))
                 (due (raw:socket-loop-get-timeout (loop-handle loop)))
                 (sleep (cond ((minusp due) left) ((minusp left) due) (t (min left due)))))
            (declare (type (signed-byte 32) left due sleep))
            (cond (blind
                   (setf event (fetch-event loop (if (minusp sleep)
                                                     +slice-ms+
                                                     (min sleep +slice-ms+)))))
                  (t
                   (unless (zerop sleep) (wait-readable loop sleep))
                   (setf event (fetch-event loop 0))))
            (when (or (/= event 0) (zerop left)) (return))))))
    (cond ((>= event 0) event)
          ((= event raw:+socket-estopped+) -1)
          (t (fail event "wait for events of" loop) 0))))

(defun next-event (loop &optional (timeout-ms -1))
  "The next event of LOOP, which waits for it up to TIMEOUT-MS milliseconds (-1: for ever; 0: looks
once). 0 when that time has passed, -1 after STOP-EVENT-LOOP. Conses nothing."
  (let ((cursor (event-loop-cursor loop)))
    (cond ((< cursor (event-loop-end loop))
           (setf (event-loop-cursor loop) (1+ cursor))
           (sb-ext:truly-the (signed-byte 62)
                             (+ (event-loop-events loop)
                                (sb-ext:truly-the (unsigned-byte 32)
                                                  (* cursor raw:+socket-completion-size+)))))
          (t (sb-ext:truly-the (signed-byte 62) (refill loop timeout-ms))))))

(defmacro do-events ((event loop &key (timeout -1)) &body body)
  "Evaluates BODY for each event of LOOP, until none has come for TIMEOUT milliseconds or
STOP-EVENT-LOOP. This is the bare way, without handlers: what BODY does not take care of is to be
given to DISPATCH-EVENT."
  (let ((variable (gensym)))
    `(let ((,variable ,loop))
       (loop
         (let ((,event (next-event ,variable ,timeout)))
           (unless (plusp ,event) (return))
           (let ((,event ,event)) (declare (type event ,event)) ,@body))))))

(defun run-calls (loop)
  (loop for call in (sb-thread:with-mutex ((event-loop-lock loop))
                      (nreverse (shiftf (event-loop-calls loop) '())))
        do (with-handler-protection (loop) (funcall call))))

(declaim (inline dispatch-event))
(defun dispatch-event (loop event)
  "Has the object that EVENT is about handle it."
  (let ((object (event-object loop event)))
    (if object
        (funcall (object-handler object) object event)
        (orphaned-event loop event)))
  nil)

(defun orphaned-event (loop event)
  "Nobody is there for EVENT: what came with it must not be lost."
  (cond ((and (= (event-kind event) raw:+socket-posted+) (zerop (event-user event)))
         (run-calls loop))
        ((= (event-kind event) raw:+socket-accepted+)
         (free-handle #'raw:socket-stream-free (event-subject event)))))

(defun run-once (loop &optional (timeout-ms -1))
  "Waits up to TIMEOUT-MS milliseconds and has what has happened handled. The number of events, 0
when the time has passed, or NIL after STOP-EVENT-LOOP."
  (check-type timeout-ms (integer -1 #x7fffffff))
  (let ((event (next-event loop timeout-ms)) (count 0))
    (declare (type fixnum count))
    (cond ((zerop event) 0)
          ((minusp event) nil)
          (t (loop
               (incf count)
               (dispatch-event loop event)
               (unless (< (event-loop-cursor loop) (event-loop-end loop)) (return count))
               (setf event (next-event loop 0)))))))

(defun claim-loop (loop)
  "Makes this thread the owner of LOOP; WRONG-THREAD while another one runs it."
  (check (raw:socket-loop-claim (loop-handle loop)) "run" loop)
  (setf (event-loop-thread loop) sb-thread:*current-thread*)
  loop)

(defun own-loop-p (loop)
  "Whether this thread is the one to use LOOP: its owner, or any where that has ended."
  (let ((thread (event-loop-thread loop)))
    (or (eq thread sb-thread:*current-thread*)
        (and (not (sb-thread:thread-alive-p thread)) (claim-loop loop) t))))

(defun run-event-loop (loop)
  "Runs LOOP in this thread until STOP-EVENT-LOOP."
  (check-type loop event-loop)
  (claim-loop loop)
  (let ((*loop* loop))
    (loop while (run-once loop))))

(defun run-until (loop done &optional (timeout-ms -1))
  "Runs LOOP until the function DONE returns true: its value. NIL when TIMEOUT-MS have passed first;
LOOP-STOPPED after STOP-EVENT-LOOP. May be called from inside a handler: events that the loop has
fetched go on to be handled in their order."
  (declare (type function done))
  (let ((deadline (and (not (minusp timeout-ms)) (+ (clock-ms) timeout-ms))))
    (loop
      (let ((value (funcall done)))
        (when value (return value)))
      (let ((event (next-event loop (if deadline
                                        (min #x7fffffff (max 0 (- deadline (clock-ms))))
                                        -1))))
        (cond ((plusp event) (dispatch-event loop event))
              ((minusp event) (fail raw:+socket-estopped+ "wait on" loop))
              ((and deadline (>= (clock-ms) deadline)) (return (funcall done))))))))

(defgeneric stop-event-loop (loop)
  (:documentation "Ends the present or the next run of LOOP. From any thread."))

(defmethod stop-event-loop ((loop event-loop))
  (check (raw:socket-loop-stop (loop-handle loop)) "stop" loop)
  nil)

(defun call-in-loop (loop function)
  "Has the thread that runs LOOP call FUNCTION, without arguments. From any thread; functions are
called in the order of these calls."
  (check-type loop event-loop)
  (let ((function (coerce function 'function)))
    (sb-thread:with-mutex ((event-loop-lock loop)) (push function (event-loop-calls loop)))
    (check (raw:socket-loop-post (loop-handle loop) (sb-sys:int-sap 0) 0) "call in" loop)
    nil))

(defun loop-now (loop)
  "The loop's time in milliseconds."
  (check (raw:socket-loop-now (loop-handle loop)) "read the time of" loop))

(defun loop-pending (loop)
  "How many operations are under way on LOOP."
  (event-loop-pending loop))

(defun loop-statistic (loop which)
  "One of the numbers that LOOP counts: WHICH is a +SOCKET-STAT-...+ of SOCKETPOLL/RAW."
  (check (raw:socket-loop-get-stat (loop-handle loop) which) "read a number of" loop))
