;;;; Connections and listeners: objects whose events go to a handler of the program's own, in the
;;;; loop's thread.

(in-package #:socketpoll)

(defgeneric close-object (object)
  (:documentation "Closes OBJECT at once. What is closed already stays so. No handler of it is called
any more, but for the errors of operations that are under way."))

(defmacro define-closing (type raw-free)
  `(defmethod close-object ((object ,type))
     (let ((handle (object-word object)))
       (unless (zerop handle)
         (own-loop-p (object-loop object))
         (unless (free-handle (function ,raw-free) handle)
           (return-from close-object (fail raw:+socket-ewrongthread+ "close" object)))
         (unregister object)
         (setf (object-handle object) 0))
       nil)))

(defun address-text (host port)
  "\"127.0.0.1:80\", \"[::1]:80\"; a HOST that is a unix address (\"unix:/path\") alone."
  (check-type host string)
  (cond ((and (>= (length host) 5) (string= "unix:" host :end2 5)) host)
        (t (check-type port (integer 0 65535))
           (if (and (find #\: host) (char/= #\[ (char host 0)))
               (format nil "[~a]:~d" host port)
               (format nil "~a:~d" host port)))))

(defun call-with-text (capacity function)
  "The text that FUNCTION, called with a SAP and a capacity, writes, or its code."
  (let ((vector (make-array capacity :element-type 'octet)))
    (let ((length (sb-sys:with-pinned-objects (vector)
                    (funcall function (sb-sys:vector-sap vector) capacity))))
      (if (minusp length) length (to-string vector :end length)))))

;;; Connections

(defstruct (connection (:include object) (:copier nil))
  "A connection. Its peer has gone: STATUS says why, 0 or a code, and is NIL until then."
  (status nil)
  (peer-name nil)
  (on-data nil)
  (on-close nil)
  (on-drain nil)
  ;; Writing operations that wait for the present one, the next first.
  (writing nil)
  (writes '() :type list)
  ;; Of TLS: the operation that is under way, and why it failed.
  (handshake nil)
  (failure nil)
  ;; What a layer above keeps with it.
  (stream nil)
  (extra nil))

(setf (documentation 'connection-status 'function)
      "NIL, or, once the connection has ended: 0, or the code of the reason.")

(setf (documentation 'connection-on-drain 'function)
      "NIL, or a function that is called with the connection when what was queued above 256 KiB has
gone. Setf-able.")

(define-closing connection raw:socket-stream-free)

(defmethod describe-briefly ((connection connection))
  (let ((peer (connection-peer connection)))
    (if peer (format nil "~:[to~;was with~] ~a" (connection-status connection) peer) "")))

(defun connection-peer (connection)
  "The peer's address, \"127.0.0.1:4711\", or NIL where nobody knows."
  (or (connection-peer-name connection)
      (let ((text (call-with-text 160 (lambda (sap capacity)
                                        (raw:socket-stream-get-peer (object-word connection)
                                                                    sap capacity)))))
        (and (stringp text) (setf (connection-peer-name connection) text)))))

(defun connection-local (connection)
  "Our side's address, or NIL."
  (let ((text (call-with-text 160 (lambda (sap capacity)
                                    (raw:socket-stream-get-local (object-word connection)
                                                                 sap capacity)))))
    (and (stringp text) text)))

(defmethod closing-code ((connection connection) code)
  (let ((status (connection-status connection)))
    (if (and (member code '(#.raw:+socket-ebadhandle+ #.raw:+socket-eclosed+))
             (integerp status) (minusp status))
        status
        code)))

(defmacro check-connection (call operation connection)
  (let ((result (gensym)))
    `(let ((,result ,call))
       (if (minusp ,result)
           (fail (closing-code ,connection ,result) ,operation ,connection)
           ,result))))

(defun connection-closed (connection status)
  "The last event of a connection: its handle goes."
  (unless (connection-peer-name connection) (connection-peer connection))
  (setf (connection-status connection) status
        (connection-failure connection) (failure-details connection status))
  (let ((on-close (connection-on-close connection))
        (handshake (shiftf (connection-handshake connection) nil)))
    (close-object connection)
    (when handshake
      (end-handshake handshake (if (zerop status) raw:+socket-eclosed+ status)))
    (when on-close
      (with-handler-protection (connection) (funcall on-close connection status)))))

(defun handle-connection-event (connection event)
  (declare (optimize speed))
  (let ((kind (event-kind event)))
    (cond ((= kind raw:+socket-data+)
           (let ((on-data (connection-on-data connection)))
             (when on-data
               (with-handler-protection (connection :on-error (abandon connection))
                 (funcall (the function on-data) connection (event-data event)
                          (event-length event))))))
          ((= kind raw:+socket-eof+)
           ;; What is queued still goes out; SOCKET_CLOSED follows.
           (when (connection-on-data connection)
             (raw:socket-stream-close (object-word connection))))
          ((= kind raw:+socket-drained+)
           (let ((on-drain (connection-on-drain connection)))
             (when on-drain
               (with-handler-protection (connection :on-error (abandon connection))
                 (funcall (the function on-drain) connection)))))
          ((= kind raw:+socket-connected+) (take-handshake connection 0))
          ((= kind raw:+socket-closed+)
           (connection-closed connection (event-status event))))))

(defun abandon (connection)
  "Closes a connection whose handler signaled."
  (when (object-live-p connection)
    (setf (connection-status connection) raw:+socket-ecanceled+)
    (let ((on-close (connection-on-close connection)))
      (close-object connection)
      (when on-close
        (with-handler-protection (connection)
          (funcall on-close connection raw:+socket-ecanceled+))))))

(defun adopt-stream (loop handle &optional peer)
  "The connection of a stream of the library's."
  (let ((connection (make-connection :handle handle :peer-name peer
                                     :handler #'handle-connection-event)))
    (register connection loop)
    (raw:socket-stream-set-callback handle (sb-sys:int-sap 0) (object-token connection))
    connection))

(defun adopt-descriptor (fd &key (loop (current-loop)))
  "A connection over the open descriptor FD: a connected socket, a pipe or a terminal. FD is the
connection's from now on."
  (check-type fd (integer 0 #x7fffffff))
  (let ((handle (raw:socket-stream-new-fd (loop-handle loop) fd)))
    (if (zerop handle)
        (fail-last "use descriptor" fd)
        (adopt-stream loop handle))))

(defun connection-pair (&key (loop (current-loop)))
  "Two connections that are each other's peers, as two values. socketpair(2)."
  (sb-alien:with-alien ((pair (array (sb-alien:unsigned 64) 2)))
    (let ((sap (sb-alien:alien-sap pair)))
      (check (raw:socket-stream-new-socketpair (loop-handle loop) 0 sap (sb-sys:sap+ sap 8))
             "make a pair of connections on" loop)
      (values (adopt-stream loop (sb-sys:sap-ref-64 sap 0))
              (adopt-stream loop (sb-sys:sap-ref-64 sap 8))))))

(defun connect-to (host port continuation &key timeout (loop (current-loop)) tls server-name)
  "Begins to connect, looking HOST up if it is a name. CONTINUATION is called with the connection,
or NIL, and a condition. With TLS, a client's, or T for one that trusts the system's authorities, the
connection is secured first: the certificate must be for SERVER-NAME, or else HOST. Returns the
operation."
  (let ((address (address-text host port))
        (timeout (check-timeout timeout))
        (continuation (check-function continuation)))
    (when tls
      (return-from connect-to
        (connect-securely loop address tls server-name timeout continuation)))
    (begin-operation loop "connect to" address nil
                     (lambda (nothing)
                       (declare (ignore nothing))
                       (raw:socket-async-connect (loop-handle loop) address timeout))
                     (lambda (status length stream)
                       (declare (ignore length))
                       (if (minusp status)
                           (funcall continuation nil
                                    (network-condition status "connect to" address))
                           (funcall continuation (adopt-stream loop stream) nil))))))

(defun start-reading (connection on-data &key on-close)
  "Has ON-DATA called with the connection, an address and a length whenever bytes have come; they
are valid until the loop waits again (MEMORY-OCTETS and MEMORY-STRING copy them, SEND-MEMORY sends
them on). When the peer has ended, what is queued is sent, the connection is closed, and ON-CLOSE,
if given, is called with the connection and 0 or a code."
  (setf (connection-on-data connection) (check-function on-data)
        (connection-on-close connection) (and on-close (check-function on-close)))
  (check-connection (raw:socket-stream-start (object-word connection)) "read from" connection)
  connection)

(defun pause-reading (connection)
  "Calls ON-DATA no more until START-READING; the peer has to wait."
  (check-connection (raw:socket-stream-pause (object-word connection)) "pause" connection))

(declaim (inline send-memory))
(defun send-memory (connection address length)
  "Sends LENGTH bytes at ADDRESS, as SEND does. Conses nothing."
  (check-connection (raw:socket-stream-write (object-word connection) (address-sap address) length)
                    "send to" connection))

(defun send (connection data &key (start 0) end)
  "Sends DATA, octets or a string (as UTF-8), in order after all that was sent before: at once as far
as the system takes it, the rest is copied and queued. Returns how many bytes are queued now. A
NETWORK-ERROR with the code +SOCKET-EAGAIN+ says that 1 MiB is queued and nothing was taken: the
function that CONNECTION-ON-DRAIN holds is called when there is room again. In a handler that does
not take care of it, it costs the connection."
  (let* ((octets (to-octets data)) (end (or end (length octets))))
    (unless (<= 0 start end (length octets))
      (error 'sb-kernel:bounding-indices-bad-error
             :object octets :datum (cons start end)
             :expected-type `(cons (integer 0 ,(length octets)) t)))
    (sb-sys:with-pinned-objects (octets)
      (check-connection (raw:socket-stream-write (object-word connection)
                                                 (sb-sys:sap+ (sb-sys:vector-sap octets) start)
                                                 (- end start))
                        "send to" connection))))

(defun shutdown (connection)
  "Ends our side once all that is queued has been sent; reading goes on."
  (check-connection (raw:socket-stream-shutdown (object-word connection)) "shut down" connection))

(defun close-connection (connection &key abort)
  "Closes CONNECTION once what is queued has been sent, or, with ABORT, at once. What is closed
already stays so."
  (check-type connection connection)
  (cond ((not (object-live-p connection)))
        (abort (close-object connection))
        ((zerop (check-connection (queued-to-be-closed connection) "close" connection))
         (close-object connection))
        ;; Its last event frees it.
        (t (setf (connection-on-data connection) nil)
           (raw:socket-stream-close (object-word connection))))
  nil)

(defun queued-to-be-closed (connection)
  "How many bytes are still to be sent, or a code. TLS announces its end first."
  (let ((word (object-word connection)))
    (when (raw:socket-stream-get-tls-version word) (raw:socket-stream-shutdown word))
    (raw:socket-stream-get-queued word)))

;;; From one loop to another

(defun move-connection (connection loop continuation)
  "Gives CONNECTION, which nothing was read from or sent to yet, to LOOP, which another thread may run.
CONTINUATION is called there with the new connection; the old one is closed. From the thread of
CONNECTION's loop."
  (check-type connection connection)
  (check-type loop event-loop)
  (let ((continuation (check-function continuation)) (token nil))
    (sb-thread:with-mutex ((event-loop-lock loop))
      (setf token (logior (ash 1 61) (incf (event-loop-arrivals loop))))
      (push (cons token continuation) (event-loop-arriving loop)))
    (let ((code (raw:socket-stream-move (object-word connection) (loop-handle loop)
                                        (sb-sys:int-sap 0) token)))
      (when (minusp code)
        (take-arriving loop token)
        (return-from move-connection
          (fail (closing-code connection code) "move to another loop" connection))))
    (unregister connection)
    (setf (object-handle connection) 0)
    nil))

(defun take-arriving (loop token)
  (sb-thread:with-mutex ((event-loop-lock loop))
    (let ((entry (assoc token (event-loop-arriving loop))))
      (setf (event-loop-arriving loop) (delete entry (event-loop-arriving loop)))
      (cdr entry))))

(defun connection-arrived (loop event)
  "A connection without a listener's token: one of MOVE-CONNECTION, or nobody's any more."
  (let ((continuation (take-arriving loop (event-user event))) (stream (event-subject event)))
    (if continuation
        (let ((connection (adopt-stream loop stream)))
          (with-handler-protection (connection :on-error (abandon connection))
            (funcall (the function continuation) connection)))
        (free-handle #'raw:socket-stream-free stream))))

;;; Reading and writing once

(defun read-operation (connection target timeout continuation)
  "Begins to read what comes next into TARGET, a buffer or an octet vector. CONTINUATION is called
with the number of bytes, 0 at the end of the stream, and a condition or NIL."
  (declare (type function continuation))
  (check-type connection connection)
  (check-type target (or buffer (vector (unsigned-byte 8))))
  (let* ((timeout (check-timeout timeout))
         (direct (buffer-p target))
         (capacity (if direct (buffer-capacity target) (length target)))
         (buffer (if direct target (make-bounce-buffer capacity))))
    (begin-operation
     (object-loop connection) "read from" connection buffer
     (lambda (address)
       (raw:socket-async-read (object-word connection) (address-sap address) capacity timeout))
     (lambda (status length data)
       (declare (ignore data))
       (cond ((minusp status)
              (funcall continuation 0
                       (network-condition (closing-code connection status) "read from" connection)))
             (direct
              (setf (buffer-fill target) length)
              (funcall continuation length nil))
             (t
              (loop with sap = (buffer-sap buffer)
                    for index from 0 below length
                    do (setf (aref target index) (sb-sys:sap-ref-8 sap index)))
              (funcall continuation length nil)))))))

(defun next-write (connection)
  (setf (connection-writing connection) nil)
  (let ((next (pop (connection-writes connection))))
    (when next (funcall (the function next)))))

(defun write-operation (connection data timeout continuation)
  "Begins to send DATA: a string (as UTF-8), octets, or what is in a buffer; behind the writing
operations that are under way. CONTINUATION is called with the number of bytes, and a condition or
NIL. Returns the operation, or NIL if it has to wait for others."
  (declare (type function continuation))
  (check-type connection connection)
  (let* ((timeout (check-timeout timeout))
         (direct (buffer-p data))
         (octets (if direct nil (to-octets data)))
         (length (if direct (buffer-fill data) (length octets)))
         (buffer (if direct data (make-bounce-buffer length octets))))
    (flet ((start ()
             (prog1
                 (begin-operation
                  (object-loop connection) "send to" connection buffer
                  (lambda (address)
                    (raw:socket-async-write (object-word connection) (address-sap address) length
                                            timeout))
                  (lambda (status length data)
                    (declare (ignore data))
                    (next-write connection)
                    (if (minusp status)
                        (funcall continuation 0
                                 (network-condition (closing-code connection status) "send to"
                                                    connection))
                        (funcall continuation length nil))))
               (setf (connection-writing connection) t))))
      (cond ((connection-writing connection)
             (setf (connection-writes connection)
                   (nconc (connection-writes connection)
                          (list (lambda ()
                                  (handler-case (start)
                                    (network-error (condition)
                                      (next-write connection)
                                      (funcall continuation 0 condition)))))))
             nil)
            (t (start))))))

;;; Listeners

(defstruct (listener (:include object) (:copier nil))
  "A listening socket."
  (address "" :type string)
  (port 0 :type (unsigned-byte 16))
  (on-connection nil)
  (secured-by nil)
  ;; The operation that waits for a connection, and those that came unasked, the oldest first.
  (accepting nil)
  (queue '() :type list))

(setf (documentation 'listener-port 'function)
      "The port that the listener listens on, 0 for a unix socket. From any thread.")

(define-closing listener raw:socket-listener-free)

(defmethod describe-briefly ((listener listener))
  (format nil "on ~a" (listener-address listener)))

(defun handle-listener-event (listener event)
  (when (= (event-kind event) raw:+socket-accepted+)
    (let ((on-connection (listener-on-connection listener))
          (accepting (listener-accepting listener))
          (stream (event-subject event)))
      (flet ((adopt () (adopt-stream (object-loop listener) stream)))
        (cond (on-connection
               (let ((connection (adopt)))
                 (with-handler-protection (connection :on-error (abandon connection))
                   (funcall (the function on-connection) connection))))
              ;; An operation that has ended brings another connection.
              ((and accepting (zerop (raw:socket-future-is-done (object-word accepting))))
               (free-handle #'raw:socket-future-free (object-word accepting))
               (end-operation accepting 0 0 stream))
              (t (setf (listener-queue listener)
                       (nconc (listener-queue listener) (list (adopt))))
                 (rest-or-go-on listener)))))))

(defconstant +most-secured+ 128 "secured connections that wait for somebody to accept them")

(defun rest-or-go-on (listener)
  "Without a handler nothing is taken from the backlog before somebody asks: but whoever speaks TLS waits
for its handshake, and does not come to the point where somebody would ask."
  (unless (or (listener-on-connection listener) (listener-accepting listener))
    (if (and (listener-secured-by listener) (< (length (listener-queue listener)) +most-secured+))
        (raw:socket-listener-resume (object-word listener))
        (raw:socket-listener-pause (object-word listener)))))

(defmethod close-object :before ((listener listener))
  (mapc #'close-object (shiftf (listener-queue listener) '())))

(defun listen-on (host port &key on-connection (loop (current-loop)) backlog reuse-port tls)
  "Listens on HOST and PORT (0 picks a free one). ON-CONNECTION, if given, is called with each new
connection; otherwise connections wait for SOCKETPOLL/NET:ASYNC-ACCEPT and the like. With TLS, a
server's, they come once they are secured."
  (let* ((address (address-text host port))
         (on-connection (and on-connection (check-function on-connection)))
         (handle (raw:socket-listener-new (loop-handle loop))))
    (when (zerop handle)
      (return-from listen-on (fail-last "make a listener on" loop)))
    (let ((listener (make-listener :handle handle :address address :on-connection on-connection
                                   :handler #'handle-listener-event)))
      (register listener loop)
      (let ((code (raw:socket-listener-set-callback handle (sb-sys:int-sap 0)
                                                    (object-token listener))))
        (when (and backlog (zerop code))
          (setf code (raw:socket-listener-set-backlog handle backlog)))
        (when (and reuse-port (zerop code))
          (setf code (raw:socket-listener-set-reuseport handle raw:+socket-reuseport-share+)))
        (when (and tls (zerop code))
          (let ((done nil))
            (unwind-protect (setf (listener-tls listener) tls done t)
              (unless done (close-object listener)))))
        (when (zerop code) (setf code (raw:socket-listener-listen handle address)))
        (when (zerop code) (rest-or-go-on listener))
        (when (minusp code)
          (close-object listener)
          (return-from listen-on (fail code "listen on" address))))
      (setf (listener-port listener) (raw:socket-listener-get-port handle))
      listener)))

(defun accept-operation (listener timeout continuation)
  "Begins to wait for a connection. CONTINUATION is called with it and NIL, or NIL and a condition.
The listener accepts only meanwhile: all others wait in the kernel, but for those that it took in
the same turn, which are in the queue. Pausing and resuming it costs no system call as long as somebody
asks again in the same turn: a loop tells the kernel once a turn what it waits for."
  (declare (type function continuation))
  (check-type listener listener)
  (let ((timeout (check-timeout timeout)) (loop (object-loop listener)) (word (object-word listener)))
    (labels ((end (status connection)
               (if connection
                   (funcall continuation connection nil)
                   (funcall continuation nil
                            (network-condition status "accept a connection of" listener))))
             (begin (function ended)
               (begin-operation loop "accept a connection of" listener nil function ended))
             (take-queued (status length data)
               (declare (ignore length data))
               (let ((connection (and (zerop status) (pop (listener-queue listener)))))
                 (rest-or-go-on listener)
                 (if (or connection (minusp status))
                     (end status connection)
                     ;; Another operation was faster.
                     (handler-case (accept-operation listener timeout continuation)
                       (network-error (condition) (funcall continuation nil condition))))))
             (accepted (status length stream)
               (declare (ignore length))
               (setf (listener-accepting listener) nil)
               (rest-or-go-on listener)
               (end status (and (zerop status) (adopt-stream loop stream)))))
      (if (listener-queue listener)
          (begin (lambda (nothing)
                   (declare (ignore nothing))
                   (raw:socket-async-sleep (loop-handle loop) 0))
                 #'take-queued)
          (let ((operation (begin (lambda (nothing)
                                    (declare (ignore nothing))
                                    (raw:socket-async-accept word timeout))
                                  #'accepted)))
            (raw:socket-listener-resume word)
            (setf (listener-accepting listener) operation))))))
