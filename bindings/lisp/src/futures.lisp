;;;; Futures: what an operation of SOCKETPOLL/NET will give. AWAIT on the thread of the future's loop
;;;; runs the loop meanwhile; on any other thread it sleeps until that one has done so.

(in-package #:socketpoll/net)

(defstruct (future (:constructor %make-future (loop name object)) (:copier nil))
  "An outcome that is not there yet: values, or a condition."
  (loop nil :type event-loop :read-only t)
  (name "wait for" :type string :read-only t)
  (object nil :read-only t)
  (done nil)
  (values '() :type list)
  (condition nil)
  (operation nil)
  (callbacks '() :type list))

(setf (documentation 'future-done-p 'function) "Whether FUTURE has ended, well or not.")
(defun future-done-p (future)
  (check-type future future)
  (future-done future))

(defmethod print-object ((future future) stream)
  (print-unreadable-object (future stream :type t :identity t)
    (format stream "~a~@[ ~a~]: ~:[pending~;~:[done~;failed~]~]" (future-name future)
            (future-object future) (future-done future) (future-condition future))))

(defun make-future (&key (loop (current-loop)))
  "A future that the program completes with COMPLETE-FUTURE."
  (%make-future loop "complete" nil))

(defun finish (future values condition)
  "Ends FUTURE unless it has ended; its callbacks are called now, on this thread."
  (let* ((loop (future-loop future))
         (callbacks
           (sb-thread:with-mutex ((socketpoll::event-loop-lock loop))
             (when (future-done future) (return-from finish nil))
             (setf (future-values future) values
                   (future-condition future) condition
                   (future-operation future) nil
                   (future-done future) t)
             (when (plusp (socketpoll::event-loop-waiting loop))
               (sb-thread:condition-broadcast (socketpoll::event-loop-changed loop)))
             (nreverse (shiftf (future-callbacks future) '())))))
    (dolist (callback callbacks) (funcall (the function callback)))
    t))

(defun complete-future (future values &optional condition)
  "Ends FUTURE with a list of VALUES, or, where CONDITION is given, with that. From any thread. False
if it had ended before."
  (check-type future future)
  (check-type values list)
  (prog1 (finish future values condition)
    (let ((loop (future-loop future)))
      (unless (eq (socketpoll::event-loop-thread loop) sb-thread:*current-thread*)
        ;; The loop's thread may wait for this one.
        (ignore-errors (call-in-loop loop (lambda ())))))))

(defun outcome (future)
  (let ((condition (future-condition future)))
    (if condition
        (restart-case (error condition)
          (use-value (value)
            :report (lambda (stream) (format stream "Take another value for ~a." future))
            :interactive (lambda ()
                           (format *query-io* "Value: ") (list (eval (read *query-io*))))
            value))
        (values-list (future-values future)))))

(defun wait-for (loop done timeout)
  "Waits until the function DONE is true: its value, or NIL after TIMEOUT milliseconds."
  (if (socketpoll::own-loop-p loop)
      (socketpoll::run-until loop done timeout)
      (let ((deadline (and (not (minusp timeout)) (+ (socketpoll::clock-ms) timeout))))
        (sb-thread:with-mutex ((socketpoll::event-loop-lock loop))
          (loop
            (let ((value (funcall done)))
              (when value (return value)))
            (let ((left (and deadline (- deadline (socketpoll::clock-ms)))))
              (when (and left (<= left 0)) (return nil))
              (incf (socketpoll::event-loop-waiting loop))
              (unwind-protect
                   (sb-thread:condition-wait (socketpoll::event-loop-changed loop)
                                             (socketpoll::event-loop-lock loop)
                                             :timeout (and left (/ left 1000)))
                (decf (socketpoll::event-loop-waiting loop)))))))))

(defun await (future &optional timeout)
  "The values of FUTURE once it has ended; the condition that it failed with is signaled. After
TIMEOUT milliseconds (NIL: none) a TIMEOUT-ERROR, which leaves the future as it is. Where AWAIT runs
the loop, other handlers are called meanwhile."
  (check-type future future)
  (if (or (future-done future)
          (wait-for (future-loop future) (lambda () (future-done future))
                    (socketpoll::check-timeout timeout)))
      (outcome future)
      (socketpoll::fail raw:+socket-etimedout+ "await" future)))

(defun select (futures &optional timeout)
  "Waits for the first of FUTURES, a sequence of futures of one loop, to end: it and its index. NIL
after TIMEOUT milliseconds."
  (when (zerop (length futures))
    (socketpoll::fail raw:+socket-einval+ "select among no futures" nil))
  (map nil (lambda (future) (check-type future future)) futures)
  (let ((index (or (position-if #'future-done futures)
                   (wait-for (future-loop (elt futures 0))
                             (lambda () (position-if #'future-done futures))
                             (socketpoll::check-timeout timeout)))))
    (if index (values (elt futures index) index) nil)))

(defun then (future function &key on-error)
  "Has FUNCTION called with the values of FUTURE, or ON-ERROR with its condition, when it has ended:
on the thread that ends it; if it has ended already, in the next turn of its loop. Returns FUTURE."
  (check-type future future)
  (let* ((function (socketpoll::check-function function))
         (on-error (and on-error (socketpoll::check-function on-error)))
         (about (or (future-object future) future)))
    (flet ((call ()
             (let ((condition (future-condition future)))
               (cond ((null condition)
                      (socketpoll::with-handler-protection
                          (about :on-error (close-after-error future))
                        (apply function (future-values future))))
                     (on-error
                      (socketpoll::with-handler-protection
                          (about :on-error (close-after-error future))
                        (funcall on-error condition)))
                     ((and (typep condition 'network-error)
                           (= (network-error-code condition) raw:+socket-ecanceled+)))
                     (t (socketpoll::judge-error condition about))))))
      (let ((late (sb-thread:with-mutex ((socketpoll::event-loop-lock (future-loop future)))
                    (or (future-done future)
                        (progn (push #'call (future-callbacks future)) nil)))))
        (when late (call-in-loop (future-loop future) #'call))
        future))))

(defun close-after-error (future)
  "A handler of FUTURE signaled: the connection that it was about goes."
  (dolist (object (cons (future-object future) (future-values future)))
    (when (typep object 'connection) (socketpoll::abandon object))))

(defmethod cancel ((future future))
  (let ((operation (future-operation future)))
    (cond (operation (cancel operation))
          (t (finish future '()
                     (socketpoll::network-condition raw:+socket-ecanceled+ (future-name future)
                                                    (future-object future))))))
  nil)
