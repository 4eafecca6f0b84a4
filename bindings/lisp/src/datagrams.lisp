;;;; Datagram sockets: UDP and unix datagrams.

(in-package #:socketpoll)

(defstruct (datagram-socket (:include object) (:copier nil)
                            (:constructor make-datagram-socket-object))
  "A socket of datagrams."
  (address nil)
  (on-datagram nil)
  (on-error nil))

(define-closing datagram-socket raw:socket-dgram-free)

(defmethod describe-briefly ((socket datagram-socket))
  (format nil "~@[on ~a~]" (datagram-socket-address socket)))

(defun handle-datagram-event (socket event)
  (let ((kind (event-kind event)))
    (cond ((= kind raw:+socket-datagram+)
           (let ((on-datagram (datagram-socket-on-datagram socket)))
             (when on-datagram
               ;; An error costs this datagram; the socket serves others.
               (with-handler-protection (socket)
                 (funcall (the function on-datagram) socket (event-source event)
                          (event-data event) (event-length event))))))
          ((= kind raw:+socket-datagram-error+)
           (let ((on-error (datagram-socket-on-error socket)))
             (when on-error
               (with-handler-protection (socket)
                 (funcall (the function on-error) socket
                          (network-condition (event-status event) "deliver a datagram of"
                                             socket)))))))))

(defun make-datagram-socket (host port &key on-datagram on-error (loop (current-loop)))
  "A socket bound to HOST and PORT (0 picks a free one). ON-DATAGRAM is called with the socket, the
sender (for REPLY and DATAGRAM-SENDER), an address and a length of bytes for each datagram; all of
them are valid until the loop waits again. ON-ERROR is called with the socket and a condition."
  (let* ((address (address-text host port))
         (on-datagram (and on-datagram (check-function on-datagram)))
         (on-error (and on-error (check-function on-error)))
         (handle (raw:socket-dgram-new (loop-handle loop))))
    (when (zerop handle)
      (return-from make-datagram-socket (fail-last "make a datagram socket on" loop)))
    (let ((socket (make-datagram-socket-object
                   :handle handle :address address :on-datagram on-datagram :on-error on-error
                   :handler #'handle-datagram-event)))
      (register socket loop)
      (raw:socket-dgram-set-callback handle (sb-sys:int-sap 0) (object-token socket))
      (let ((code (raw:socket-dgram-bind handle address)))
        (when (and (zerop code) on-datagram) (setf code (raw:socket-dgram-start handle)))
        (when (minusp code)
          (close-object socket)
          (return-from make-datagram-socket (fail code "bind to" address))))
      socket)))

(defun datagram-local (socket)
  "The socket's own address."
  (let ((text (call-with-text 160 (lambda (sap capacity)
                                    (raw:socket-dgram-get-local (object-word socket)
                                                                sap capacity)))))
    (if (stringp text) text (fail text "find the address of" socket))))

(defun datagram-port (socket)
  "The port that SOCKET is bound to."
  (let ((text (datagram-local socket)))
    (parse-integer text :start (1+ (position #\: text :from-end t)))))

(defun send-datagram (socket host port data)
  "Sends DATA, octets or a string, to HOST (a number or \"localhost\") and PORT."
  (let ((octets (to-octets data)) (address (address-text host port)))
    (sb-sys:with-pinned-objects (octets)
      (check (raw:socket-dgram-send-to (object-word socket) address (sb-sys:vector-sap octets)
                                       (length octets))
             "send a datagram from" socket))))

(defun reply (socket sender data &optional length)
  "Sends DATA, octets or a string, or LENGTH bytes at the address DATA, to SENDER."
  (if length
      (check (raw:socket-dgram-reply (object-word socket) sender (address-sap data)
                                     length)
             "reply from" socket)
      (let ((octets (to-octets data)))
        (sb-sys:with-pinned-objects (octets)
          (check (raw:socket-dgram-reply (object-word socket) sender
                                         (sb-sys:vector-sap octets) (length octets))
                 "reply from" socket)))))

(defun datagram-sender (socket sender)
  "SENDER's address, \"127.0.0.1:4711\"."
  (let ((text (call-with-text 160 (lambda (sap capacity)
                                    (raw:socket-dgram-get-sender (object-word socket)
                                                                 sender
                                                                 sap capacity)))))
    (if (stringp text) text (fail text "find the sender of a datagram of" socket))))
