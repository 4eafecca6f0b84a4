;;;; SOCKETPOLL/NET: connections and listeners as a Lisper knows them, blocking or with futures and
;;;; callbacks. Blocking calls run the loop: handlers of other sockets are called meanwhile.

(in-package #:socketpoll/net)

(deftype socket () "What SOCKET-CLOSE takes." '(or connection listener))

(defmacro with-future ((future loop name object callback on-error) &body body)
  "A future, ended by the function that BODY, which begins an operation and returns it, passes on."
  `(let ((,future (%make-future ,loop ,name ,object)))
     (when (or ,callback ,on-error)
       (then ,future (or ,callback (constantly nil)) :on-error ,on-error))
     (let ((operation (progn ,@body)))
       (unless (future-done ,future) (setf (future-operation ,future) operation)))
     ,future))

(defgeneric async-connect (address port &key timeout callback on-error tls server-name)
  (:documentation "Connects to ADDRESS, a number or a name, and PORT. CALLBACK is called with the
connection, ON-ERROR with a condition. Returns a future for the connection; TIMEOUT is milliseconds. TLS
is MAKE-CLIENT-TLS's, or T for one that trusts the system's authorities: the certificate must be for
SERVER-NAME, or else ADDRESS.")
  (:method (address port &key timeout callback on-error tls server-name)
    (declare (ignore port timeout callback on-error tls server-name))
    (error 'type-error :datum address :expected-type 'string))
  (:method ((address string) port &key timeout callback on-error (loop (current-loop)) tls server-name)
    (with-future (future loop "connect to" (socketpoll::address-text address port) callback on-error)
      (connect-to address port
                  (lambda (connection condition)
                    (finish future (list connection) condition))
                  :timeout timeout :loop loop :tls tls :server-name server-name))))

(defgeneric async-start-tls (socket tls &key server-name timeout callback on-error)
  (:documentation "Begins TLS on a connection that has spoken in the clear (STARTTLS), as the side that
TLS is for. SERVER-NAME is whom the peer's certificate must be for: required of a client, NIL of a
server. CALLBACK is called with the connection, ON-ERROR with a condition, and then it is closed. Returns
a future for the connection. What its stream has gathered is handed over first; what it has read and
nobody has taken is refused with the code +SOCKET-ESTATE+: that was sent in the clear.")
  (:method ((socket connection) tls &key server-name timeout callback on-error)
    (let ((stream (socketpoll::connection-stream socket)))
      (when stream (leave-the-clear stream)))
    (with-future (future (object-loop socket) "start TLS on" socket callback on-error)
      (start-tls socket tls
                 (lambda (connection condition) (finish future (list connection) condition))
                 :server-name server-name :timeout timeout))))

(defgeneric async-accept (listener &key callback on-error timeout)
  (:documentation "Takes the next connection of LISTENER. CALLBACK is called with it, ON-ERROR with a
condition. Returns a future for the connection.")
  (:method ((listener listener) &key callback on-error timeout)
    (with-future (future (object-loop listener) "accept a connection of" listener callback on-error)
      (socketpoll::accept-operation listener timeout
                                    (lambda (connection condition)
                                      (finish future (list connection) condition))))))

(defgeneric async-read (socket buffer &key callback on-error timeout)
  (:documentation "Reads what comes next into BUFFER, an octet vector or a buffer of
SOCKETPOLL:ALLOCATE-BUFFER (which is not copied). CALLBACK is called with BUFFER and the number of
bytes, 0 at the end of the stream. Returns a future for these two.")
  (:method ((socket connection) buffer &key callback on-error timeout)
    (with-future (future (object-loop socket) "read from" socket callback on-error)
      (socketpoll::read-operation socket buffer timeout
                                  (lambda (length condition)
                                    (finish future (list buffer length) condition))))))

(defgeneric async-write (socket data &key callback on-error timeout)
  (:documentation "Sends DATA: octets, a string (as UTF-8), or a buffer's bytes up to its fill.
CALLBACK is called with the number of bytes once the system has taken the last one. Several go one
after the other. Returns a future for the number.")
  (:method ((socket connection) data &key callback on-error timeout)
    (with-future (future (object-loop socket) "send to" socket callback on-error)
      (socketpoll::write-operation socket data timeout
                                   (lambda (length condition)
                                     (finish future (list length) condition))))))

(defun resolved-addresses (future count)
  "The COUNT addresses of one of the library's futures, which goes."
  (prog1 (loop for index from 0 below count
               collect (socketpoll::call-with-text
                        64 (lambda (sap capacity)
                             (raw:socket-resolver-get-address future index sap capacity))))
    (socketpoll::free-handle #'raw:socket-future-free future)))

(defun resolve (name &key family timeout callback on-error (loop (current-loop)))
  "Looks NAME up: a future for the list of its addresses as text, the best first. FAMILY is :IPV4,
:IPV6 or NIL for both, TIMEOUT milliseconds. CALLBACK is called with the list, ON-ERROR with a
condition. Connecting looks names up by itself."
  (check-type name string)
  (let ((timeout (socketpoll::check-timeout timeout)) (handle 0)
        (family (ecase family
                  ((nil) raw:+socket-family-any+)
                  (:ipv4 raw:+socket-family-ipv4+)
                  (:ipv6 raw:+socket-family-ipv6+))))
    (with-future (future loop "look up" name callback on-error)
      (socketpoll::begin-operation
       loop "look up" name nil
       (lambda (nothing)
         (declare (ignore nothing))
         (setf handle (raw:socket-async-resolve (socketpoll::loop-handle loop) name family timeout)))
       (lambda (status count data)
         (declare (ignore data))
         (let ((addresses (resolved-addresses handle (if (minusp status) 0 count))))
           (finish future (list addresses)
                   (and (minusp status) (socketpoll::network-condition status "look up" name)))))
       :keep t))))

(defun check-loop-thread (object)
  (let ((loop (object-loop object)))
    (unless (socketpoll::own-loop-p loop)
      (socketpoll::fail raw:+socket-ewrongthread+ "wait on" object))))

;;; Blocking

(defun socket-listen (host port &key backlog reuse-port (loop (current-loop)) tls)
  "A listener on HOST and PORT (0 picks a free one: SOCKET-PORT). With TLS, MAKE-SERVER-TLS's, connections
come once they are secured."
  (listen-on host port :backlog backlog :reuse-port reuse-port :loop loop :tls tls))

(defun socket-port (listener)
  "The port that LISTENER listens on."
  (listener-port listener))

(defun socket-peer (connection)
  "The address of the other side, \"127.0.0.1:4711\"."
  (connection-peer connection))

(defun socket-connect (host port &key timeout tls server-name)
  "A connection to HOST, a number or a name, and PORT. TIMEOUT is milliseconds. TLS and SERVER-NAME as of
ASYNC-CONNECT."
  (values (await (async-connect host port :timeout timeout :tls tls :server-name server-name))))

(defun socket-start-tls (connection tls &key server-name timeout)
  "ASYNC-START-TLS, and waits for it. What the connection's stream has gathered is sent first. Returns
CONNECTION; its stream goes on, secured."
  (check-type connection connection)
  (check-loop-thread connection)
  (let ((stream (socketpoll::connection-stream connection)))
    (when stream (finish-output stream)))
  (values (await (async-start-tls connection tls :server-name server-name :timeout timeout))))

(defun socket-accept (listener &key timeout)
  "The next connection of LISTENER, or NIL after TIMEOUT milliseconds."
  (check-type listener listener)
  (check-loop-thread listener)
  (handler-case (values (await (async-accept listener :timeout timeout)))
    (timeout-error () nil)))

(defgeneric socket-close (socket &key abort)
  (:documentation "Closes SOCKET. What its stream has buffered is sent first, which may have to wait,
unless ABORT is true. What is closed already stays so.")
  (:method ((socket listener) &key abort)
    (declare (ignore abort))
    (close-object socket))
  (:method ((socket connection) &key abort)
    (let ((stream (socketpoll::connection-stream socket)))
      (unwind-protect
           (when (and stream (not abort) (object-live-p socket)) (flush-or-ignore stream))
        (close-connection socket :abort abort)))
    nil))

(defmacro with-listener ((variable host port &rest options) &body body)
  "Binds VARIABLE to a listener on HOST and PORT, and closes it in the end. OPTIONS as of
SOCKET-LISTEN."
  `(let ((,variable (socket-listen ,host ,port ,@options)))
     (unwind-protect (progn ,@body)
       (socket-close ,variable))))

(defmacro with-connection ((variable host port &rest options) &body body)
  "Binds VARIABLE to a connection to HOST and PORT, and closes it in the end: at once when BODY is
left by a non-local exit. OPTIONS as of SOCKET-CONNECT."
  (let ((done (gensym)))
    `(let ((,variable (socket-connect ,host ,port ,@options)) (,done nil))
       (unwind-protect (multiple-value-prog1 (progn ,@body) (setf ,done t))
         (socket-close ,variable :abort (not ,done))))))

;;; The loop

(defgeneric start-event-loop (loop)
  (:documentation "Runs LOOP in this thread until STOP-EVENT-LOOP.")
  (:method ((loop event-loop)) (run-event-loop loop)))

(defgeneric add-socket (loop socket events callback)
  (:documentation "Has CALLBACK called with SOCKET and a list of what it is ready for, of :READ,
:WRITE, :ERROR and :HANGUP, whenever it is ready for one of EVENTS (:READ, :WRITE or a list), until
REMOVE-SOCKET. SOCKET is a descriptor, a connection or a listener; nothing is read from it."))

(defgeneric remove-socket (loop socket)
  (:documentation "Ends what ADD-SOCKET began. True if there was something to end."))

(defun socket-descriptor (socket)
  (etypecase socket
    ((integer 0 #x7fffffff) socket)
    (connection (socketpoll::check-connection
                 (raw:socket-stream-get-fd (socketpoll::object-word socket))
                 "find the descriptor of" socket))
    (listener (socketpoll::check (raw:socket-listener-get-fd (socketpoll::object-word socket))
                                 "find the descriptor of" socket))))

(defmethod add-socket ((loop event-loop) socket events callback)
  (let ((callback (socketpoll::check-function callback)))
    (when (assoc socket (socketpoll::event-loop-sockets loop))
      (return-from add-socket
        (socketpoll::fail raw:+socket-eexist+ "add once more" socket)))
    ;; A duplicate, because the loop may watch the socket itself already.
    (let* ((copy (or (sb-unix:unix-dup (socket-descriptor socket))
                     (return-from add-socket
                       (socketpoll::fail raw:+socket-ebadf+ "add" socket))))
           (watch nil))
      (unwind-protect
           (setf watch (add-watch copy events
                                  (lambda (descriptor ready)
                                    (declare (ignore descriptor))
                                    (funcall callback socket ready))
                                  :loop loop))
        (unless watch (sb-unix:unix-close copy)))
      (push (cons socket watch) (socketpoll::event-loop-sockets loop))
      socket)))

(defmethod remove-socket ((loop event-loop) socket)
  (let ((entry (assoc socket (socketpoll::event-loop-sockets loop))))
    (when entry
      (setf (socketpoll::event-loop-sockets loop)
            (cl:delete entry (socketpoll::event-loop-sockets loop)))
      (let ((watch (cdr entry)))
        (close-object watch)
        (sb-unix:unix-close (watch-descriptor watch)))
      t)))
