;;;; Events. They are pulled into an array in foreign memory and taken from it one by one. All
;;;; handlers run in Lisp, on the thread that runs the loop; C never calls into Lisp.
;;;;
;;;; Interrupts. The library is entered with interrupts deferred, so that nothing unwinds through C
;;;; and no event is lost between the two. It never waits in there: the waiting is done here, by
;;;; poll(2) on the loop's descriptor with interrupts enabled. Ctrl-C, timers of SB-EXT and
;;;; INTERRUPT-THREAD thus act at once, and may unwind or continue.
;;;;
;;;; Floating point. C expects its default, no traps: they are masked while the library runs its loop.
;;;; What else is called computes with none.
;;;;
;;;; Runs inside of runs. A handler that waits, and what a debugger or an interrupt evaluates, may run
;;;; the same loop, at any instruction of the run that it came from. That one finds what it had in
;;;; hand as it was: the run inside takes what is left of the array, but fills one of its own; what it
;;;; leaves over is kept for whoever asks next; and when it is left, the cursor stands where it stood.

(in-package #:socketpoll)

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

(declaim (inline event-address event-sap))
(defun event-address (array index)
  (sb-ext:truly-the (signed-byte 62)
                    (+ array (sb-ext:truly-the (unsigned-byte 32)
                                               (* index raw:+socket-completion-size+)))))
(defun event-sap (array index)
  (sb-sys:int-sap (sb-ext:truly-the address (event-address array index))))

(defun clock-ms ()
  (values (floor (get-internal-real-time) (/ internal-time-units-per-second 1000))))

(defun wait-readable (loop timeout-ms)
  "Waits for the loop's descriptor with interrupts enabled; comes back early after one."
  (declare (type (signed-byte 32) timeout-ms))
  (sb-alien:alien-funcall
   (sb-alien:extern-alien "poll" (function sb-alien:int (sb-alien:unsigned 64)
                                           (sb-alien:unsigned 64) sb-alien:int))
   (event-loop-pollfd loop) 1 timeout-ms))

(defun own-array (loop)
  "Makes sure that the array may be overwritten: this run's, not one that a run outside of it holds."
  (when (event-loop-array-lent loop)
    (setf (event-loop-events loop) (allocate-memory +batch-bytes+)
          (event-loop-array-lent loop) nil)))

(defun take-left-over (loop)
  "Fills the array with what a run inside of another has left over, the oldest first."
  (destructuring-bind (array cursor end) (pop (event-loop-left-over loop))
    (declare (type address array) (type (unsigned-byte 32) cursor end))
    (own-array loop)
    (copy-memory (event-sap array cursor) (address-sap (event-loop-events loop))
                 (* (- end cursor) raw:+socket-completion-size+))
    (setf (event-loop-cursor loop) 0 (event-loop-end loop) (- end cursor))
    (free-memory array)))

(defun fetch-events (loop timeout-ms)
  "Makes sure that there is an event to take, by one call of the library. How many it brought, 0 or
a code."
  (declare (type (signed-byte 32) timeout-ms))
  (unless (eq (event-loop-thread loop) sb-thread:*current-thread*)
    (setf (event-loop-thread loop) sb-thread:*current-thread*))
  (sb-sys:without-interrupts
    (cond ((< (event-loop-cursor loop) (event-loop-end loop)) 1)
          ((event-loop-left-over loop) (take-left-over loop) 1)
          (t (own-array loop)
             (let ((count (sb-int:with-float-traps-masked (:invalid :overflow :divide-by-zero
                                                           :inexact)
                            (raw:socket-loop-wait (loop-handle loop)
                                                  (address-sap (event-loop-events loop))
                                                  +batch+ timeout-ms))))
               (when (plusp count)
                 (setf (event-loop-cursor loop) 0 (event-loop-end loop) count))
               count)))))

(defconstant +slice-ms+ 20 "the longest deferral of an interrupt where there is no descriptor")

(defun refill (loop timeout-ms)
  "Waits for events. Positive if there is one to take, 0 at the timeout, or -1 after
STOP-EVENT-LOOP."
  (declare (type (signed-byte 32) timeout-ms) (optimize speed))
  (let ((count (fetch-events loop 0)))
    (declare (type (signed-byte 32) count))
    (when (and (zerop count) (/= timeout-ms 0))
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
                   (setf count (fetch-events loop (if (minusp sleep)
                                                      +slice-ms+
                                                      (min sleep +slice-ms+)))))
                  (t
                   (unless (zerop sleep) (wait-readable loop sleep))
                   (setf count (fetch-events loop 0))))
            (when (or (/= count 0) (zerop left)) (return))))))
    (cond ((>= count 0) count)
          ((= count raw:+socket-estopped+) -1)
          (t (fail count "wait for events of" loop) 0))))

(defun next-event (loop &optional (timeout-ms -1))
  "The next event of LOOP, which waits for it up to TIMEOUT-MS milliseconds (-1: for ever; 0: looks
once). 0 when that time has passed, -1 after STOP-EVENT-LOOP. Conses nothing."
  (loop
    (let ((cursor (event-loop-cursor loop)))
      ;; From here on ENTER-RUN, in an interrupt, knows which event is being taken.
      (setf (event-loop-taking loop) cursor)
      (cond ((< cursor (event-loop-end loop))
             (setf (event-loop-cursor loop) (1+ cursor)
                   (event-loop-taking loop) -1)
             (return (event-address (event-loop-events loop) cursor)))
            (t (setf (event-loop-taking loop) -1)
               (let ((count (refill loop timeout-ms)))
                 (unless (plusp count)
                   (return (sb-ext:truly-the (signed-byte 62) count)))))))))

;;; Runs

(defun enter-run (loop)
  "For LEAVE-RUN: the array, the cursor and whether the array was lent; or 0 in the outermost run."
  (sb-sys:without-interrupts
    (cond ((event-loop-running loop)
           (let ((taking (shiftf (event-loop-taking loop) -1)) (array (event-loop-events loop))
                 (lent (event-loop-array-lent loop)))
             (when (and (>= taking 0) (< taking (event-loop-end loop)))
               (setf (event-loop-cursor loop) (1+ taking)))
             (setf (event-loop-array-lent loop) t)
             (values array (event-loop-cursor loop) lent)))
          (t (setf (event-loop-running loop) t)
             (values 0 0 nil)))))

(defun leave-run (loop array cursor lent)
  (declare (type address array) (type (unsigned-byte 32) cursor))
  (sb-sys:without-interrupts
    (if (zerop array)
        (setf (event-loop-running loop) nil)
        (let* ((mine (event-loop-events loop)) (from (event-loop-cursor loop))
               (left (- (event-loop-end loop) from)))
          (declare (type (unsigned-byte 32) from) (type (signed-byte 32) left))
          (cond ((plusp (loop-handle loop))
                 (cond ((/= mine array)
                        (if (plusp left)
                            (setf (event-loop-left-over loop)
                                  (nconc (event-loop-left-over loop)
                                         (list (list mine from (+ from left)))))
                            (free-memory mine))
                        (setf left 0))
                       ((plusp left)
                        (move-events array from cursor left)))
                 (setf (event-loop-events loop) array
                       (event-loop-cursor loop) cursor
                       (event-loop-end loop) (+ cursor (max 0 left))
                       (event-loop-array-lent loop) lent))
                ;; Freed meanwhile, and the outermost array with it.
                ((and (/= mine array) (/= mine (event-loop-own-events loop)))
                 (setf (event-loop-events loop) array)
                 (free-memory mine)))))))

(defun move-events (array from to count)
  "Downwards, one by one, because they may overlap."
  (declare (type address array) (type (unsigned-byte 32) from to count))
  (dotimes (index count)
    (copy-memory (event-sap array (+ from index)) (event-sap array (+ to index))
                 raw:+socket-completion-size+)))

(defmacro with-run ((loop) &body body)
  "What takes events of LOOP and handles them, perhaps inside of another run."
  (let ((variable (gensym)) (array (gensym)) (cursor (gensym)) (lent (gensym)))
    `(let ((,variable ,loop))
       (multiple-value-bind (,array ,cursor ,lent) (enter-run ,variable)
         (unwind-protect (progn ,@body)
           (leave-run ,variable ,array ,cursor ,lent))))))

(defmacro do-events ((event loop &key (timeout -1)) &body body)
  "Evaluates BODY for each event of LOOP, until none has come for TIMEOUT milliseconds or
STOP-EVENT-LOOP. This is the bare way, without handlers: what BODY does not take care of is to be
given to DISPATCH-EVENT."
  (let ((variable (gensym)))
    `(block nil
       (let ((,variable ,loop))
         (with-run (,variable)
           (loop
             (let ((,event (next-event ,variable ,timeout)))
               (unless (plusp ,event) (return))
               (let ((,event ,event)) (declare (type event ,event)) ,@body))))))))

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
        ((= (event-kind event) raw:+socket-accepted+) (connection-arrived loop event))))

(defun run-once (loop &optional (timeout-ms -1))
  "Waits up to TIMEOUT-MS milliseconds and has what has happened handled. The number of events, 0
when the time has passed, or NIL after STOP-EVENT-LOOP."
  (check-type timeout-ms (integer -1 #x7fffffff))
  (with-run (loop) (run-turn loop timeout-ms)))

(defun run-turn (loop timeout-ms)
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
    (with-run (loop)
      (loop while (run-turn loop -1)))))

(defun run-until (loop done &optional (timeout-ms -1))
  "Runs LOOP until the function DONE returns true: its value. NIL when TIMEOUT-MS have passed first;
LOOP-STOPPED after STOP-EVENT-LOOP. May be called from inside a handler: events that the loop has
fetched go on to be handled in their order."
  (declare (type function done))
  (let ((deadline (and (not (minusp timeout-ms)) (+ (clock-ms) timeout-ms))))
    (with-run (loop)
      (loop
        (let ((value (funcall done)))
          (when value (return value)))
        (let ((event (next-event loop (if deadline
                                          (min #x7fffffff (max 0 (- deadline (clock-ms))))
                                          -1))))
          (cond ((plusp event) (dispatch-event loop event))
                ((minusp event) (fail raw:+socket-estopped+ "wait on" loop))
                ((and deadline (>= (clock-ms) deadline)) (return (funcall done)))))))))

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

(defun loop-descriptor (loop)
  "For another library's loop that drives this one: a descriptor that is readable when RUN-ONCE with a
timeout of 0 has something to do. It stays the library's."
  (check (raw:socket-loop-get-fd (loop-handle loop)) "find the descriptor of" loop))

(defun loop-timeout (loop)
  "The milliseconds until RUN-ONCE has something to do without LOOP-DESCRIPTOR being readable: timers. 0
is now, -1 never. To be asked anew each time before the other loop sleeps."
  (let ((timeout (raw:socket-loop-get-timeout (loop-handle loop))))
    (if (zerop (loop-handle loop))
        (fail raw:+socket-ebadhandle+ "read the time of" loop)
        timeout)))
