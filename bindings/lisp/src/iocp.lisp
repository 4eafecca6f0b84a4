;;;; SOCKETPOLL/IOCP: the I/O completion port of Windows. Elsewhere every function that makes one
;;;; signals NOT-SUPPORTED.

(in-package #:socketpoll/iocp)

(defstruct (port (:constructor %make-port (handle event)) (:copier nil))
  "A completion port."
  (handle 0 :type raw:word)
  (epoch socketpoll::**epoch**)
  ;; One SocketPortEvent_T.
  (event 0 :type raw:word))

(defun port-word (port)
  (check-type port port)
  (if (= (port-epoch port) socketpoll::**epoch**) (port-handle port) 0))

(defmethod print-object ((port port) stream)
  (print-unreadable-object (port stream :type t :identity t)
    (format stream "completion port~:[~; closed~]" (zerop (port-word port)))))

(defun create-io-completion-port (&key (concurrency 0) port socket (key 0))
  "A new completion port; with PORT and SOCKET, ASSOCIATE-SOCKET."
  (if (and port socket)
      (associate-socket port socket key)
      (let ((handle (raw:socket-completion-port-new concurrency)))
        (if (zerop handle)
            (socketpoll::fail-last "make a completion port" nil)
            (%make-port handle (socketpoll::allocate-memory raw:+socket-port-event-size+))))))

(defun close-iocp (port)
  "Ends PORT; what is under way on it is cancelled. What is closed already stays so."
  (let ((handle (port-word port)))
    (unless (zerop handle)
      (setf (port-handle port) 0)
      (socketpoll::free-handle #'raw:socket-completion-port-free handle)
      (socketpoll::free-memory (shiftf (port-event port) 0))))
  nil)

(defmacro with-iocp ((variable &rest options) &body body)
  "Binds VARIABLE to a completion port (OPTIONS as of CREATE-IO-COMPLETION-PORT), and ends it."
  `(let ((,variable (create-io-completion-port ,@options)))
     (unwind-protect (progn ,@body)
       (close-iocp ,variable))))

(defun create-tcp-socket (&key (family :ipv4))
  "The descriptor of a new TCP socket, the program's to close."
  #-win32 (progn family
                 (socketpoll::fail raw:+socket-enotsup+ "make a socket for a completion port" nil))
  #+win32 (let ((fd (sb-alien:alien-funcall
                     (sb-alien:extern-alien "socket" (function sb-alien:int sb-alien:int
                                                               sb-alien:int sb-alien:int))
                     (ecase family (:ipv4 2) (:ipv6 23)) 1 6)))
            (if (minusp fd)
                (socketpoll::fail raw:+socket-eunknown+ "make a TCP socket" nil)
                fd)))

(defun associate-socket (port socket key)
  "From now on what is begun on the descriptor SOCKET ends in PORT with KEY, a number."
  (socketpoll::check (raw:socket-completion-port-associate (port-word port) socket key)
                     (format nil "associate socket ~a with" socket) port)
  port)

(defun get-queued-completion-status (port timeout-ms)
  "Waits up to TIMEOUT-MS milliseconds (-1: for ever) for something to end. Four values: 0 or a code,
the number of bytes, the key, and the operation's number (0 of what was posted); or NIL."
  (let* ((sap (socketpoll::address-sap (port-event port)))
         (count (socketpoll::check (raw:socket-completion-port-wait-one (port-word port) sap
                                                                        timeout-ms)
                                   "wait for" port)))
    (if (zerop count)
        nil
        (values (raw:socket-port-event-error sap) (raw:socket-port-event-bytes sap)
                (raw:socket-port-event-key sap) (raw:socket-port-event-operation sap)))))

(defun wait-for-completion (port &optional (timeout-ms -1))
  "The same; a wait that ended without anything has the code +SOCKET-ETIMEDOUT+ as its result."
  (multiple-value-bind (result bytes key operation) (get-queued-completion-status port timeout-ms)
    (if result
        (values result bytes key operation)
        (values raw:+socket-etimedout+ 0 0 0))))

(defun completion-success-p (result)
  "Whether the first value of WAIT-FOR-COMPLETION says that all went well."
  (eql result 0))

(defun post-queued-completion-status (port bytes key)
  "Makes a completion of the program's own."
  (socketpoll::check (raw:socket-completion-port-post (port-word port) key bytes 0) "post to" port)
  nil)

(defun process-completions (port handler &key (timeout-ms 0))
  "Calls HANDLER with the four values of each completion, until none comes for TIMEOUT-MS
milliseconds. How many there were."
  (loop with count = 0
        do (multiple-value-bind (result bytes key operation)
               (get-queued-completion-status port timeout-ms)
             (unless result (return count))
             (incf count)
             (funcall handler result bytes key operation))))
