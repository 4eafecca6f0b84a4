;;;; SOCKETPOLL/USOCKET: the common calls of usocket under their own names, so that a program moves
;;;; by one line of its package definition. A system of its own, "socketpoll/usocket".
;;;;
;;;; Times are seconds here, as in usocket. The sockets are those of SOCKETPOLL/NET, and every call
;;;; of that package takes them. Waiting runs the thread's loop.

(defpackage #:socketpoll/usocket
  (:use #:common-lisp)
  (:local-nicknames (#:sp #:socketpoll) (#:net #:socketpoll/net))
  (:import-from #:socketpoll/net #:socket-stream)
  (:export
   #:socket-connect #:socket-listen #:socket-accept #:socket-stream #:socket-close
   #:socket-shutdown #:socket-send #:socket-receive #:wait-for-input
   #:with-client-socket #:with-connected-socket #:with-server-socket #:with-socket-listener
   #:get-local-name #:get-local-address #:get-local-port
   #:get-peer-name #:get-peer-address #:get-peer-port
   #:usocket #:stream-usocket #:stream-server-usocket #:datagram-usocket
   #:*wildcard-host* #:*auto-port*
   #:socket-condition #:socket-error #:connection-refused-error #:connection-reset-error
   #:connection-aborted-error #:timeout-error #:address-in-use-error
   #:bad-file-descriptor-error))

(in-package #:socketpoll/usocket)

(defvar *wildcard-host* #(0 0 0 0) "Every address of this machine.")
(defvar *auto-port* 0 "Any free port.")

;;; usocket's classes and conditions, as types: for TYPEP, TYPECASE and HANDLER-CASE.

(macrolet ((names (&rest pairs)
             `(progn ,@(loop for (name type documentation) in pairs
                             collect `(deftype ,name () ,documentation ',type)))))
  (names (stream-usocket sp:connection "A connection.")
         (stream-server-usocket sp:listener "A listening socket.")
         (usocket (or sp:connection sp:listener datagram-usocket) "Any socket.")
         (socket-condition sp:network-error "Whatever went wrong.")
         (socket-error sp:network-error "Whatever went wrong.")
         (connection-refused-error sp:connection-refused "Nobody listens there.")
         (connection-reset-error sp:connection-reset "The peer has gone.")
         (connection-aborted-error sp:connection-aborted "It ended before it was used.")
         (timeout-error sp:timeout-error "The time has passed.")
         (address-in-use-error sp:address-in-use "Somebody listens there.")
         (bad-file-descriptor-error sp:stale-object "The socket is closed.")))

(defun host-text (host)
  "A name, or the text of an address that is a vector or a number; NIL is every address."
  (etypecase host
    (string host)
    (null "0.0.0.0")
    ((unsigned-byte 32) (format nil "~{~d~^.~}" (loop for shift in '(24 16 8 0)
                                                      collect (ldb (byte 8 shift) host))))
    ((vector t 4) (format nil "~{~d~^.~}" (coerce host 'list)))
    ((vector t 16) (format nil "~(~{~x~^:~}~)" (loop for at below 16 by 2
                                                     collect (+ (* 256 (aref host at))
                                                                (aref host (1+ at))))))))

(defun split-address (text)
  "\"127.0.0.1:80\": the address, a vector where it is of IPv4, and the port."
  (let* ((colon (position #\: text :from-end t))
         (host (string-trim "[]" (subseq text 0 colon))))
    (values (if (find #\: host)
                host
                (coerce (loop for start = 0 then (1+ dot)
                              for dot = (position #\. host :start start)
                              collect (parse-integer host :start start :end dot)
                              while dot)
                        'vector))
            (parse-integer text :start (1+ colon)))))

(defun milliseconds (seconds)
  (and seconds (max 0 (round (* 1000 seconds)))))

;;; Datagrams wait here until somebody asks for them.

(defstruct (datagram-usocket (:constructor %make-datagram-usocket) (:copier nil))
  "A socket of datagrams, perhaps with a peer."
  (socket nil)
  (peer-host nil)
  (peer-port nil)
  (queue '() :type list))

(defconstant +most-waiting+ 1024 "datagrams that wait for SOCKET-RECEIVE; later ones are lost")

(defun open-datagrams (host port local-host local-port)
  (let ((made (%make-datagram-usocket :peer-host (and host (host-text host)) :peer-port port)))
    (setf (datagram-usocket-socket made)
          (sp:make-datagram-socket
           (host-text local-host) (or local-port 0)
           :on-datagram (lambda (socket sender address length)
                          (when (< (length (datagram-usocket-queue made)) +most-waiting+)
                            (setf (datagram-usocket-queue made)
                                  (nconc (datagram-usocket-queue made)
                                         (list (cons (sp:memory-octets address length)
                                                     (sp:datagram-sender socket sender)))))))))
    made))

(defun socket-send (socket buffer length &key host port (offset 0))
  "Sends LENGTH octets of BUFFER to HOST and PORT, or to the socket's peer."
  (etypecase socket
    (sp:connection (sp:send socket buffer :start offset :end (+ offset length)))
    (datagram-usocket
     (sp:send-datagram (datagram-usocket-socket socket)
                       (if host (host-text host) (datagram-usocket-peer-host socket))
                       (or port (datagram-usocket-peer-port socket))
                       (subseq buffer offset (+ offset length)))))
  length)

(defun socket-receive (socket buffer length &key timeout)
  "The next datagram: octets (BUFFER, if it is not NIL), how many, and the sender's address and port."
  (check-type socket datagram-usocket)
  (wait-for-input socket :timeout timeout)
  (let ((datagram (pop (datagram-usocket-queue socket))))
    (if (null datagram)
        (sp::fail socketpoll/raw:+socket-etimedout+ "receive from" (datagram-usocket-socket socket))
        (destructuring-bind (octets . sender) datagram
          (let* ((count (min (length octets) (or length (length octets))))
                 (target (or buffer (make-array count :element-type '(unsigned-byte 8)))))
            (replace target octets :end2 count)
            (multiple-value-bind (host port) (split-address sender)
              (values target count host port)))))))

;;; Connections and listeners

(defun socket-connect (host port &key (protocol :stream) element-type timeout deadline nodelay
                                      local-host local-port)
  "A connection to HOST and PORT, or with :PROTOCOL :DATAGRAM a socket whose peer they are."
  (declare (ignore element-type deadline nodelay))
  (ecase protocol
    (:stream (net:socket-connect (host-text host) port :timeout (milliseconds timeout)))
    (:datagram (open-datagrams host port local-host local-port))))

(defun socket-listen (host port &key reuse-address reuseaddress (backlog 5) element-type)
  "A listener; its address can be had again at once in any case."
  (declare (ignore reuse-address reuseaddress element-type))
  (net:socket-listen (host-text host) port :backlog backlog))

;; What WAIT-FOR-INPUT has accepted and nobody has taken yet.
(defvar *accepted* (make-hash-table :test 'eq :weakness :key :synchronized t))

(defun accepting (listener)
  (or (gethash listener *accepted*)
      (setf (gethash listener *accepted*) (net:async-accept listener))))

(defun socket-accept (listener &key element-type)
  "The next connection of LISTENER."
  (declare (ignore element-type))
  (let ((future (accepting listener)))
    (unwind-protect (values (net:await future))
      (when (net:future-done-p future) (remhash listener *accepted*)))))

(defun socket-close (socket)
  "Closes SOCKET; what is queued is sent first."
  (typecase socket
    (datagram-usocket (sp:close-object (datagram-usocket-socket socket)))
    (sp:listener
     (let ((future (gethash socket *accepted*)))
       (remhash socket *accepted*)
       (when (and future (net:future-done-p future)) (net:socket-close (net:await future))))
     (net:socket-close socket))
    (t (net:socket-close socket)))
  nil)

(defun socket-shutdown (connection direction)
  "Ends our side; of the other one (:INPUT) nothing more is read."
  (ecase direction
    ((:output :io) (sp:shutdown connection))
    (:input (sp:pause-reading connection))))

(defun ready-p (socket)
  (etypecase socket
    (datagram-usocket (and (datagram-usocket-queue socket) t))
    (sp:listener (net:future-done-p (accepting socket)))
    (sp:connection (net::input-waits-p (socket-stream socket)))))

(defun socket-loop (socket)
  (sp:object-loop (if (datagram-usocket-p socket) (datagram-usocket-socket socket) socket)))

(defun wait-for-input (socket-or-sockets &key timeout ready-only)
  "Waits up to TIMEOUT seconds until one of the sockets has something to be read or accepted. The
sockets, or with READY-ONLY those that have; as second value the seconds that are left, or NIL."
  (let* ((sockets (if (listp socket-or-sockets) socket-or-sockets (list socket-or-sockets)))
         (start (get-internal-real-time))
         (ready (when sockets
                  (sp::run-until (socket-loop (first sockets))
                                 (lambda () (remove-if-not #'ready-p sockets))
                                 (or (milliseconds timeout) -1))))
         (passed (/ (- (get-internal-real-time) start) internal-time-units-per-second)))
    (values (if ready-only ready socket-or-sockets)
            (cond ((null ready) nil)
                  (timeout (max 0 (- timeout passed)))
                  (t 0)))))

;;; Names

(defun name-of (text) (if text (split-address text) (values nil nil)))

(defun get-peer-name (connection) (name-of (sp:connection-peer connection)))
(defun get-peer-address (connection) (values (get-peer-name connection)))
(defun get-peer-port (connection) (nth-value 1 (get-peer-name connection)))

(defun get-local-name (socket)
  (etypecase socket
    (sp:connection (name-of (sp:connection-local socket)))
    (sp:listener (values *wildcard-host* (sp:listener-port socket)))
    (datagram-usocket (values *wildcard-host* (sp:datagram-port (datagram-usocket-socket socket))))))
(defun get-local-address (socket) (values (get-local-name socket)))
(defun get-local-port (socket) (nth-value 1 (get-local-name socket)))

(macrolet ((document (&rest pairs)
             `(progn ,@(loop for (name text) on pairs by #'cddr
                             collect `(setf (documentation ',name 'function) ,text)))))
  (document get-peer-name "The peer's address and port." get-peer-address "The peer's address."
            get-peer-port "The peer's port." get-local-name "Our own address and port."
            get-local-address "Our own address." get-local-port "Our own port."))

;;; Macros

(defmacro with-connected-socket ((variable socket) &body body)
  "Binds VARIABLE to SOCKET for BODY, and closes it."
  `(let ((,variable ,socket))
     (unwind-protect (progn ,@body)
       (when ,variable (socket-close ,variable)))))

(defmacro with-server-socket ((variable socket) &body body)
  "Binds VARIABLE to the listener SOCKET for BODY, and closes it."
  `(with-connected-socket (,variable ,socket) ,@body))

(defmacro with-client-socket ((socket stream &rest arguments) &body body)
  "Binds SOCKET to what SOCKET-CONNECT gives for ARGUMENTS, and STREAM to its stream."
  `(with-connected-socket (,socket (socket-connect ,@arguments))
     (let ((,stream (socket-stream ,socket))) (declare (ignorable ,stream)) ,@body)))

(defmacro with-socket-listener ((variable &rest arguments) &body body)
  "Binds VARIABLE to what SOCKET-LISTEN gives for ARGUMENTS."
  `(with-server-socket (,variable (socket-listen ,@arguments)) ,@body))
