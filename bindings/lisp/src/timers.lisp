;;;; Timers, watched descriptors, and how many bytes may pass.

(in-package #:socketpoll)

;;; Timers

(defstruct (timer (:include object) (:copier nil))
  "A timer of ADD-TIMER."
  (function #'list :type function))

(define-closing timer raw:socket-timer-free)

(defun handle-timer-event (timer event)
  (declare (ignore event))
  (with-handler-protection (timer :on-error (close-object timer))
    (funcall (timer-function timer))))

(defun add-timer (delay-ms function &key (period-ms 0) (loop (current-loop)))
  "Has FUNCTION called in DELAY-MS milliseconds, and then each PERIOD-MS if that is positive, until
CLOSE-OBJECT."
  (let ((function (check-function function))
        (handle (raw:socket-timer-new (loop-handle loop))))
    (when (zerop handle) (return-from add-timer (fail-last "add a timer to" loop)))
    (let ((timer (make-timer :handle handle :function function :handler #'handle-timer-event)))
      (register timer loop)
      (raw:socket-timer-set-callback handle (sb-sys:int-sap 0) (object-token timer))
      (let ((code (raw:socket-timer-start handle delay-ms period-ms)))
        (when (minusp code)
          (close-object timer)
          (fail code "start" timer)))
      timer)))

;;; Watches

(defstruct (watch (:include object) (:copier nil))
  "A descriptor of the program's own that the loop watches."
  (descriptor -1 :type fixnum)
  (function #'list :type function))

(setf (documentation 'watch-descriptor 'function)
      "The number of the descriptor that is watched.")

(define-closing watch raw:socket-watch-free)

(defmethod describe-briefly ((watch watch))
  (format nil "of descriptor ~d" (watch-descriptor watch)))

(defun event-bits (events)
  (loop for event in (if (listp events) events (list events))
        sum (ecase event
              ((:read :input) raw:+poll-read+)
              ((:write :output) raw:+poll-write+))))

(defun event-names (bits)
  (append (and (logtest bits raw:+poll-read+) '(:read))
          (and (logtest bits raw:+poll-write+) '(:write))
          (and (logtest bits raw:+poll-error+) '(:error))
          (and (logtest bits raw:+poll-hangup+) '(:hangup))))

(defun handle-watch-event (watch event)
  (let ((ready (event-names (event-length event))))
    (with-handler-protection (watch :on-error (close-object watch))
      (funcall (watch-function watch) (watch-descriptor watch) ready))))

(defun add-watch (fd events function &key (loop (current-loop)))
  "Has FUNCTION called with FD and a list of what it is ready for (:READ, :WRITE, :ERROR, :HANGUP)
whenever it is ready for one of EVENTS (:READ, :WRITE or a list of them), until CLOSE-OBJECT. FD
stays the program's, which closes the watch before it closes FD."
  (let* ((function (check-function function))
         (handle (raw:socket-watch-new (loop-handle loop) fd (event-bits events))))
    (when (zerop handle) (return-from add-watch (fail-last "watch descriptor" fd)))
    (let ((watch (make-watch :handle handle :descriptor fd :function function
                             :handler #'handle-watch-event)))
      (register watch loop)
      (raw:socket-watch-set-callback handle (sb-sys:int-sap 0) (object-token watch))
      watch)))

;;; Limiters

(defstruct (limiter (:include object) (:copier nil))
  "So many bytes a second, a token bucket.")

(define-closing limiter raw:socket-limiter-free)

(defun add-limiter (bytes-per-second &key (burst bytes-per-second) (loop (current-loop)))
  "A limiter whose bucket holds BURST bytes, is full at first, and fills at BYTES-PER-SECOND. Any number
of connections may share it."
  (let ((handle (raw:socket-limiter-new (loop-handle loop) bytes-per-second burst)))
    (when (zerop handle) (return-from add-limiter (fail-last "add a limiter to" loop)))
    (let ((limiter (make-limiter :handle handle)))
      (register limiter loop)
      limiter)))

(defun limiter-take (limiter bytes)
  "How many of BYTES may pass now: they are taken out of the bucket."
  (check (raw:socket-limiter-take (object-word limiter) bytes) "take from" limiter))

(defun limiter-delay (limiter bytes)
  "The milliseconds until the bucket holds BYTES, or is full."
  (check (raw:socket-limiter-delay (object-word limiter) bytes) "wait for" limiter))
