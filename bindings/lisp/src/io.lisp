;;;; SOCKETPOLL/IO: operations with :ON-COMPLETE and :ON-ERROR in a context, and pools of buffers.
;;;;
;;;; WITH-IO-CONTEXT evaluates its body, which begins operations, and then runs the context until
;;;; none is under way or STOP-IO-CONTEXT was called. ASYNC-ACCEPT on a listener is one operation
;;;; that delivers every connection until the listener is closed; all others complete once.

(in-package #:socketpoll/io)

(defstruct (io-context (:constructor %make-io-context (loop)) (:copier nil))
  "Where operations are under way: a loop, and the connections over the descriptors in use."
  (loop nil :type (or null event-loop))
  ;; Descriptor number -> (inode . connection over a duplicate of it).
  (descriptors (make-hash-table) :type hash-table)
  (stopped nil))

(setf (documentation 'io-context-loop 'function)
      "The event loop of the context.")

(defvar *context* nil "The context of the innermost WITH-IO-CONTEXT, or NIL.")

(defun backend-name (type)
  (ecase type
    ((nil) nil)
    (:linux "epoll") (:darwin "kqueue") (:windows "iocp") (:posix "poll")))

(defun make-io-context (&key backend-type)
  "A new context. BACKEND-TYPE: :LINUX (epoll), :DARWIN (kqueue), :WINDOWS, :POSIX (poll), or NIL for
the best one; NOT-SUPPORTED for one that this system lacks."
  (%make-io-context (make-event-loop :backend (backend-name backend-type))))

(defun free-io-context (context)
  "Frees CONTEXT and all that was made on it. Descriptors stay open."
  (check-type context io-context)
  (free-event-loop (io-context-loop context))
  (clrhash (io-context-descriptors context))
  nil)

(defun run-io-context (context)
  "Runs CONTEXT until no operation is under way or STOP-IO-CONTEXT was called."
  (check-type context io-context)
  (let ((*context* context) (loop (io-context-loop context)))
    (socketpoll::with-run (loop)
      (loop until (shiftf (io-context-stopped context) nil)
            while (and (plusp (loop-pending loop)) (socketpoll::run-turn loop -1))))))

(defun stop-io-context (context)
  "Ends the present or the next RUN-IO-CONTEXT. From any thread."
  (check-type context io-context)
  (setf (io-context-stopped context) t)
  (stop-event-loop (io-context-loop context)))

(defmacro with-io-context ((variable &key backend-type) &body body)
  "Binds VARIABLE to a new context, evaluates BODY, runs the context until nothing is under way, and
frees it. The values of BODY."
  `(let* ((,variable (make-io-context :backend-type ,backend-type)) (*context* ,variable)
          (socketpoll::*loop* (io-context-loop ,variable)))
     (unwind-protect (multiple-value-prog1 (progn ,@body) (run-io-context ,variable))
       (free-io-context ,variable))))

(defun context-loop (context)
  (check-type context (or null io-context))
  (let ((context (or context *context*)))
    (if context (io-context-loop context) (current-loop))))

(defun descriptor-connection (context fd)
  "The connection over a duplicate of FD, which stays the program's. A number that was closed and
opened again is another descriptor, as its inode tells."
  (let ((inode (multiple-value-bind (ok device inode) (sb-unix:unix-fstat fd)
                 (and ok (list device inode)))))
    (unless inode
      (return-from descriptor-connection
        (socketpoll::fail raw:+socket-ebadf+ "use descriptor" fd)))
    (destructuring-bind (&optional known . connection)
        (gethash fd (io-context-descriptors context))
      (if (and (equal known inode) (object-live-p connection))
          connection
          (let ((copy (sb-unix:unix-dup fd)))
            (unless copy
              (return-from descriptor-connection
                (socketpoll::fail raw:+socket-emfile+ "use descriptor" fd)))
            (let ((done nil))
              (unwind-protect
                   (let ((new (adopt-descriptor copy :loop (io-context-loop context))))
                     (setf (gethash fd (io-context-descriptors context)) (cons inode new)
                           done t)
                     new)
                (unless done (sb-unix:unix-close copy)))))))))

(defun find-connection (context socket)
  "SOCKET: a connection, or the number of an open descriptor."
  (etypecase socket
    (connection socket)
    ((integer 0 #x7fffffff)
     (let ((context (or context *context*)))
       (check-type context io-context)
       (descriptor-connection context socket)))))

(defvar *socket* nil
  "In a handler: the connection or listener that the operation was about.")

(defun complete (object on-complete on-error value condition &aux (*socket* object))
  "Tells the program's handlers how an operation on OBJECT has ended."
  (cond ((null condition)
         (socketpoll::with-handler-protection (object :on-error (close-after-error object))
           (funcall (the function on-complete) value)))
        (on-error
         (socketpoll::with-handler-protection (object :on-error (close-after-error object))
           (funcall (the function on-error) condition)))
        ((/= (network-error-code condition) raw:+socket-ecanceled+)
         (socketpoll::judge-error condition object)
         (close-after-error object))))

(defun close-after-error (object)
  (typecase object
    (connection (socketpoll::abandon object))
    (listener nil)))

(defun handlers (on-complete on-error)
  (values (socketpoll::check-function on-complete)
          (and on-error (socketpoll::check-function on-error))))

(defun create-server-socket (port &key (host "0.0.0.0") context backlog reuse-port tls)
  "A listener on HOST and PORT (0 picks a free one: SERVER-SOCKET-PORT). With TLS, MAKE-SERVER-TLS's,
connections come once they are secured."
  (listen-on host port :loop (context-loop context) :backlog backlog :reuse-port reuse-port :tls tls))

(defun server-socket-port (server-socket)
  "The port that it listens on."
  (listener-port server-socket))

(defconstant +retry-ms+ 50 "how soon it accepts again after an error such as too few descriptors")

(defun async-accept (server-socket &key context on-complete on-error timeout once)
  "Calls ON-COMPLETE with each connection that comes, or, with ONCE, with the next one, until
SERVER-SOCKET is closed or none has come for TIMEOUT milliseconds; ON-ERROR with a condition. What
ON-COMPLETE signals costs that connection only. Returns the operation that is under way."
  (declare (ignore context))
  (check-type server-socket listener)
  (multiple-value-bind (on-complete on-error) (handlers on-complete on-error)
    (labels ((again ()
               (when (object-live-p server-socket)
                 (handler-case (next)
                   (network-error (condition)
                     (complete server-socket on-complete on-error nil condition)))))
             (next ()
               (socketpoll::accept-operation
                server-socket timeout
                (lambda (connection condition)
                  (cond (connection
                         (unless once (again))
                         (complete connection on-complete on-error connection nil))
                        (t
                         (complete server-socket on-complete on-error nil condition)
                         (unless (or once (typep condition 'timeout-error)
                                     (not (object-live-p server-socket)))
                           (add-timer +retry-ms+ #'again
                                      :loop (object-loop server-socket)))))))))
      (next))))

(defun async-connect (host port &key context on-complete on-error timeout tls server-name)
  "Connects to HOST, a number or a name, and PORT, and calls ON-COMPLETE with the connection or
ON-ERROR with a condition. TLS and SERVER-NAME as of SOCKETPOLL:CONNECT-TO. Returns the operation."
  (multiple-value-bind (on-complete on-error) (handlers on-complete on-error)
    (connect-to host port
                (lambda (connection condition)
                  (complete (or connection host) on-complete on-error connection condition))
                :timeout timeout :loop (context-loop context) :tls tls :server-name server-name)))

(defun async-start-tls (connection tls &key on-complete on-error timeout server-name)
  "Begins TLS on CONNECTION, as SOCKETPOLL:START-TLS does, and calls ON-COMPLETE with it or ON-ERROR
with a condition. Returns the operation."
  (multiple-value-bind (on-complete on-error) (handlers on-complete on-error)
    (start-tls connection tls
               (lambda (secured condition)
                 (complete connection on-complete on-error secured condition))
               :server-name server-name :timeout timeout)))

(defun async-read (socket buffer &key context on-complete on-error timeout)
  "Reads what comes next from SOCKET, a connection or a descriptor, into BUFFER, and calls
ON-COMPLETE with the number of bytes, 0 at the end of the stream, or ON-ERROR with a condition. A
buffer is filled without copying and kept until then; an octet vector is copied into. Returns the
operation."
  (multiple-value-bind (on-complete on-error) (handlers on-complete on-error)
    (let ((connection (find-connection context socket)))
      (socketpoll::read-operation
       connection buffer timeout
       (lambda (length condition)
         (complete connection on-complete on-error length condition))))))

(defun async-write (socket data &key context on-complete on-error timeout)
  "Sends DATA: a buffer's bytes up to its fill, octets, or a string as UTF-8; and calls ON-COMPLETE
with their number once the system has taken the last one, or ON-ERROR with a condition. Several may
be under way; they go one after the other."
  (multiple-value-bind (on-complete on-error) (handlers (or on-complete #'identity) on-error)
    (let ((connection (find-connection context socket)))
      (socketpoll::write-operation
       connection data timeout
       (lambda (length condition)
         (complete connection on-complete on-error length condition))))))

(defun regular-file-p (fd)
  (multiple-value-bind (ok device inode mode) (sb-unix:unix-fstat fd)
    (declare (ignore device inode))
    (and ok (= (logand mode #o170000) #o100000))))

(defun splice-async (context source destination length
                     &key flags on-complete on-error timeout (offset 0))
  "Moves LENGTH bytes (-1: all up to the end) from SOURCE to DESTINATION inside the system where it
can: splice(2), or sendfile(2) where SOURCE is an open file (from OFFSET on). Both are connections or
descriptors. FLAGS, of :MOVE, :MORE and :NONBLOCK, are what splice(2) calls hints; the library
decides by itself. ON-COMPLETE is called with the number of bytes moved."
  (dolist (flag flags) (check-type flag (member :move :more :nonblock)))
  (multiple-value-bind (on-complete on-error) (handlers (or on-complete #'identity) on-error)
    (let* ((timeout (socketpoll::check-timeout timeout))
           (file (and (integerp source) (regular-file-p source)))
           (from (if file source (find-connection context source)))
           (to (find-connection context destination)))
      (socketpoll::begin-operation
       (object-loop to) "splice to" to nil
       (lambda (nothing)
         (declare (ignore nothing))
         (if file
             (raw:socket-async-send-file (socketpoll::object-word to) from offset length timeout)
             (raw:socket-async-splice (socketpoll::object-word from) (socketpoll::object-word to)
                                      length timeout)))
       (lambda (status length data)
         (declare (ignore data))
         (complete to on-complete on-error length
                   (and (minusp status)
                        (socketpoll::network-condition status "splice to" to))))))))

;;; Pools

(defstruct (buffer-pool (:constructor %make-buffer-pool (size count)) (:copier nil))
  "Buffers of one size, of which at most COUNT are in use at a time."
  (size 0 :read-only t)
  (count 0 :read-only t)
  (in-use 0 :type fixnum)
  (free '() :type list))

(setf (documentation 'buffer-pool-in-use 'function)
      "How many buffers of the pool are taken.")

(defmethod print-object ((pool buffer-pool) stream)
  (print-unreadable-object (pool stream :type t :identity t)
    (format stream "~d of ~d in use, ~d bytes each" (buffer-pool-in-use pool)
            (buffer-pool-count pool) (buffer-pool-size pool))))

(defun make-buffer-pool (&key (size 8192) (count 1000))
  "A pool of at most COUNT buffers of SIZE bytes, each made when it is first needed. One thread uses
it."
  (check-type size (integer 1 #.raw:+socket-buf-max+))
  (check-type count (integer 1))
  (%make-buffer-pool size count))

(defun take-buffer (pool)
  "A buffer of POOL; a NETWORK-ERROR with the code +SOCKET-ENOBUFS+ if all are in use."
  (check-type pool buffer-pool)
  (when (>= (buffer-pool-in-use pool) (buffer-pool-count pool))
    (return-from take-buffer
      (socketpoll::fail raw:+socket-enobufs+ "take a buffer of" pool)))
  (let ((buffer (or (loop for buffer = (pop (buffer-pool-free pool))
                          while buffer
                          ;; Those from before the image was saved have no memory.
                          when (= (socketpoll::buffer-epoch buffer) socketpoll::**epoch**)
                            return buffer)
                    (socketpoll::make-memory-buffer (buffer-pool-size pool) pool))))
    (incf (buffer-pool-in-use pool))
    (setf (buffer-fill buffer) 0)
    buffer))

(defmethod socketpoll::return-to-pool ((pool buffer-pool) buffer)
  (decf (buffer-pool-in-use pool))
  (push buffer (buffer-pool-free pool)))

(defun leave-buffer (buffer)
  "The form that took BUFFER is left: it is the pool's again, now or when the last operation that
uses it has ended and been handled."
  (if (plusp (socketpoll::buffer-uses buffer))
      (setf (socketpoll::buffer-doomed buffer) :return)
      (socketpoll::return-to-pool (socketpoll::buffer-pool buffer) buffer)))

(defmacro with-pooled-buffer ((variable pool) &body body)
  "Binds VARIABLE to a buffer of POOL. It stays taken as long as BODY runs, and after that until every
operation begun with it, in BODY or in a handler of such an operation, has ended."
  `(let ((,variable (take-buffer ,pool)))
     (unwind-protect (progn ,@body)
       (leave-buffer ,variable))))
