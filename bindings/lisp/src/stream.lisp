;;;; SOCKET-STREAM: a connection as a Lisp stream, of characters and of bytes, both ways. Its half
;;;; for output, GATHERING-STREAM, is that of an HTTP response as well.
;;;;
;;;; Input is read into a buffer of the stream's own; output is gathered and sent when there is
;;;; enough, or by FORCE-OUTPUT (which does not wait) and FINISH-OUTPUT (which waits until the system
;;;; has taken it). Waiting runs the loop. Lines end as they are sent: CR is a character like others.

(in-package #:socketpoll/net)

(defconstant +input-size+ 16384)
(defconstant +output-size+ 8192)

(defclass gathering-stream (sb-gray:fundamental-character-output-stream
                            sb-gray:fundamental-binary-output-stream)
  ((format :initarg :external-format :initform :utf-8 :accessor stream-encoding)
   (output :initform (make-array +output-size+ :element-type 'octet) :reader stream-output)
   (fill :initform 0 :accessor stream-fill :type fixnum)
   (column :initform 0 :accessor stream-column)))

(defgeneric hand-over (stream)
  (:documentation "Sends what was gathered."))

(defgeneric await-writing (stream)
  (:documentation "Waits until what was handed over has been taken by the system."))

(defclass socket-stream (sb-gray:fundamental-character-input-stream
                         sb-gray:fundamental-binary-input-stream
                         gathering-stream)
  ((connection :initarg :connection :reader stream-connection)
   (timeout :initarg :timeout :accessor stream-timeout)
   (input :initform (allocate-buffer +input-size+) :reader stream-input)
   (start :initform 0 :accessor stream-start :type fixnum)
   (end :initform 0 :accessor stream-end :type fixnum)
   (reading :initform nil :accessor stream-reading)
   (at-end :initform nil :accessor stream-at-end)
   (unread :initform nil :accessor stream-unread)
   (writing :initform nil :accessor stream-writing))
  (:documentation "A connection as a stream."))

(defmethod print-object ((stream socket-stream) output)
  (print-unreadable-object (stream output :type t :identity t)
    (princ (stream-connection stream) output)))

(defun socket-stream (connection &key timeout (external-format :utf-8))
  "CONNECTION as a stream of characters and bytes, always the same one. TIMEOUT, in milliseconds, is
how long one wait may take: after it a TIMEOUT-ERROR. EXTERNAL-FORMAT is :UTF-8 or :LATIN-1; what is
no UTF-8 is read as U+FFFD."
  (check-type connection connection)
  (check-type external-format (member :utf-8 :latin-1))
  (socketpoll::check-timeout timeout)
  (let ((stream (socketpoll::connection-stream connection)))
    (cond (stream (when timeout (setf (stream-timeout stream) timeout)) stream)
          ((not (object-live-p connection))
           (socketpoll::fail raw:+socket-ebadhandle+ "make a stream of" connection))
          (t (setf (socketpoll::connection-stream connection)
                   (make-instance 'socket-stream :connection connection :timeout timeout
                                                 :external-format external-format))))))

;;; Input

(defun begin-reading (stream)
  (unless (or (stream-reading stream) (stream-at-end stream))
    (setf (stream-reading stream)
          (async-read (stream-connection stream) (stream-input stream)))))

(defun take-input (stream)
  "What the reading that has ended brought. True if there is any."
  (let ((future (shiftf (stream-reading stream) nil)))
    (multiple-value-bind (buffer length) (await future)
      (declare (ignore buffer))
      (setf (stream-start stream) 0 (stream-end stream) length)
      (if (zerop length)
          (progn (setf (stream-at-end stream) t) nil)
          t))))

(defun fill-input (stream)
  "Waits for more input. False at the end."
  (check-loop-thread (stream-connection stream))
  (unless (or (object-live-p (stream-connection stream))
              (connection-status (stream-connection stream)))
    (socketpoll::fail raw:+socket-ebadhandle+ "read from" (stream-connection stream)))
  (begin-reading stream)
  (let ((future (stream-reading stream)))
    (when future
      (or (future-done future)
          (wait-for (future-loop future) (lambda () (future-done future))
                    (socketpoll::check-timeout (stream-timeout stream)))
          (socketpoll::fail raw:+socket-etimedout+ "read from" (stream-connection stream)))
      (take-input stream))))

(declaim (inline peek-octet))
(defun peek-octet (stream)
  "The next byte, which stays, or NIL at the end."
  (and (or (< (stream-start stream) (stream-end stream)) (fill-input stream))
       (buffer-ref (stream-input stream) (stream-start stream))))

(defun next-octet (stream)
  (let ((octet (peek-octet stream)))
    (when octet (incf (stream-start stream)))
    octet))

(defun decode-character (stream first)
  "The character that begins with the byte FIRST: RFC 3629. Its shortest form only, no surrogates."
  (multiple-value-bind (more code least)
      (cond ((< first #x80) (values 0 first 0))
            ((<= #xc2 first #xdf) (values 1 (logand first #x1f) #x80))
            ((<= #xe0 first #xef) (values 2 (logand first #x0f) #x800))
            ((<= #xf0 first #xf4) (values 3 (logand first #x07) #x10000))
            (t (return-from decode-character #\ufffd)))
    (loop repeat more
          do (let ((octet (peek-octet stream)))
               (unless (and octet (= (logand octet #xc0) #x80))
                 (return-from decode-character #\ufffd))
               (incf (stream-start stream))
               (setf code (logior (ash code 6) (logand octet #x3f)))))
    (if (and (<= least code #x10ffff) (not (<= #xd800 code #xdfff)))
        (code-char code)
        #\ufffd)))

(defmethod sb-gray:stream-read-char ((stream socket-stream))
  (or (shiftf (stream-unread stream) nil)
      (let ((first (next-octet stream)))
        (cond ((null first) :eof)
              ((eq (stream-encoding stream) :latin-1) (code-char first))
              (t (decode-character stream first))))))

(defmethod sb-gray:stream-unread-char ((stream socket-stream) character)
  (setf (stream-unread stream) character)
  nil)

(defun input-ready-p (stream)
  "Whether reading would not wait, or :EOF. Runs one turn of the loop if it has to."
  (cond ((or (stream-unread stream) (< (stream-start stream) (stream-end stream))) t)
        ((stream-at-end stream) :eof)
        (t (check-loop-thread (stream-connection stream))
           (begin-reading stream)
           (let ((future (stream-reading stream)))
             (cond ((not (wait-for (future-loop future) (lambda () (future-done future)) 0)) nil)
                   ((take-input stream) t)
                   (t :eof))))))

(defun input-waits-p (stream)
  "Whether reading would not wait, its end included. Runs no turn of the loop."
  (or (stream-unread stream) (< (stream-start stream) (stream-end stream)) (stream-at-end stream)
      (progn (begin-reading stream) (future-done (stream-reading stream)))))

(defun leave-the-clear (stream)
  "Before TLS begins: nothing that has come in the clear may pass for what comes after it."
  (let ((reading (stream-reading stream)))
    (when (or (stream-unread stream) (stream-at-end stream)
              (< (stream-start stream) (stream-end stream))
              (and reading (future-done reading)))
      (socketpoll::fail raw:+socket-estate+ "start TLS on" (stream-connection stream)
                        "what has come in the clear was not read"))
    (when reading
      (setf (stream-reading stream) nil)
      (cancel reading)))
  (hand-over stream))

(defmethod sb-gray:stream-listen ((stream socket-stream))
  (eq (input-ready-p stream) t))

(defmethod sb-gray:stream-read-char-no-hang ((stream socket-stream))
  (ecase (input-ready-p stream)
    ((t) (sb-gray:stream-read-char stream))
    ((:eof) :eof)
    ((nil) nil)))

(defmethod sb-gray:stream-clear-input ((stream socket-stream))
  (setf (stream-start stream) (stream-end stream) (stream-unread stream) nil)
  nil)

(defmethod sb-gray:stream-read-byte ((stream socket-stream))
  (or (next-octet stream) :eof))

(defun read-octets (stream octets start end)
  "The index behind the last octet that was read."
  (declare (type octets octets) (type fixnum start end))
  (loop while (and (< start end) (peek-octet stream))
        do (let ((length (min (- end start) (- (stream-end stream) (stream-start stream))))
                 (input (stream-input stream)))
             (sb-sys:with-pinned-objects (octets input)
               (socketpoll::copy-memory
                (sb-sys:sap+ (buffer-sap input) (stream-start stream))
                (sb-sys:sap+ (sb-sys:vector-sap octets) start) length))
             (incf (stream-start stream) length)
             (incf start length)))
  start)

(defmethod sb-gray:stream-read-sequence ((stream socket-stream) sequence &optional (start 0) end)
  (let ((end (or end (length sequence)))
        (characters (typep sequence '(or string (not vector)))))
    (when (typep sequence 'octets)
      (return-from sb-gray:stream-read-sequence (read-octets stream sequence start end)))
    (loop for index from start below end
          do (let ((element (if characters (read-char stream nil) (next-octet stream))))
               (unless element (return index))
               (setf (elt sequence index) element))
          finally (return end))))

;;; Output

(defmethod await-writing ((stream socket-stream))
  "Its error is signaled here."
  (let ((future (stream-writing stream)))
    (when future
      (unless (or (future-done future)
                  (wait-for (future-loop future) (lambda () (future-done future))
                            (socketpoll::check-timeout (stream-timeout stream))))
        (socketpoll::fail raw:+socket-etimedout+ "send to" (stream-connection stream)))
      (setf (stream-writing stream) nil)
      (await future))))

(defmethod hand-over ((stream socket-stream))
  "At once as far as the system takes it. Of what it does not, one piece is under way at a time, so that
a peer which does not read makes the program wait instead of filling its memory."
  (let ((fill (stream-fill stream)) (connection (stream-connection stream))
        (output (stream-output stream)))
    (declare (type octets output))
    (when (plusp fill)
      (check-loop-thread connection)
      (await-writing stream)
      (let ((queued (sb-sys:with-pinned-objects (output)
                      (raw:socket-stream-write (socketpoll::object-word connection)
                                               (sb-sys:vector-sap output) fill))))
        (setf (stream-fill stream) 0)
        (cond ((zerop queued))
              ((plusp queued)
               ;; Nothing more, behind that.
               (setf (stream-writing stream) (async-write connection (subseq output 0 0))))
              ((or (= queued raw:+socket-eagain+) (= queued raw:+socket-ebusy+))
               (setf (stream-writing stream) (async-write connection (subseq output 0 fill))))
              (t (socketpoll::fail (socketpoll::closing-code connection queued) "send to"
                                   connection)))))))

(defun put-octet (stream octet)
  (when (= (stream-fill stream) +output-size+) (hand-over stream))
  (setf (aref (the octets (stream-output stream)) (stream-fill stream)) octet)
  (incf (stream-fill stream)))

(defun put-octets (stream octets start end)
  (declare (type octets octets) (type fixnum start end))
  (loop while (< start end)
        do (when (= (stream-fill stream) +output-size+) (hand-over stream))
           (let* ((fill (stream-fill stream))
                  (length (min (- end start) (- +output-size+ fill))))
             (replace (the octets (stream-output stream)) octets
                      :start1 fill :start2 start :end2 (+ start length))
             (setf (stream-fill stream) (+ fill length))
             (incf start length))))

(defmethod sb-gray:stream-write-char ((stream gathering-stream) character)
  (let ((code (char-code character)))
    (setf (stream-column stream) (if (char= character #\Newline) 0 (1+ (stream-column stream))))
    (if (< code 128)
        (put-octet stream code)
        (put-string stream (string character) 0 1)))
  character)

(defun put-string (stream string start end)
  (let ((octets (sb-ext:string-to-octets string :start start :end end
                                                :external-format (stream-encoding stream))))
    (put-octets stream octets 0 (length octets))))

(defmethod sb-gray:stream-write-string ((stream gathering-stream) string &optional (start 0) end)
  (let* ((end (or end (length string)))
         (newline (position #\Newline string :start start :end end :from-end t)))
    (put-string stream string start end)
    (setf (stream-column stream)
          (if newline (- end newline 1) (+ (stream-column stream) (- end start)))))
  string)

(defmethod sb-gray:stream-line-column ((stream gathering-stream))
  (stream-column stream))

(defmethod sb-gray:stream-write-byte ((stream gathering-stream) octet)
  (put-octet stream octet)
  octet)

(defmethod sb-gray:stream-write-sequence ((stream gathering-stream) sequence &optional (start 0) end)
  (let ((end (or end (length sequence))))
    (typecase sequence
      (string (sb-gray:stream-write-string stream sequence start end))
      (octets (put-octets stream sequence start end))
      (t (loop for index from start below end
               do (let ((element (elt sequence index)))
                    (if (characterp element)
                        (sb-gray:stream-write-char stream element)
                        (put-octet stream element)))))))
  sequence)

(defmethod sb-gray:stream-force-output ((stream gathering-stream))
  (hand-over stream)
  nil)

(defmethod sb-gray:stream-finish-output ((stream gathering-stream))
  (hand-over stream)
  (await-writing stream)
  nil)

(defmethod sb-gray:stream-clear-output ((stream gathering-stream))
  (setf (stream-fill stream) 0)
  nil)

(defun flush-or-ignore (stream)
  "For closing: a peer that has gone is none of the closer's concern."
  (handler-case (finish-output stream)
    (connection-error () nil)))

(defmethod stream-element-type ((stream gathering-stream)) '(or character octet))

(defmethod open-stream-p ((stream socket-stream))
  (object-live-p (stream-connection stream)))

(defmethod close ((stream socket-stream) &key abort)
  (let ((open (open-stream-p stream)))
    (socket-close (stream-connection stream) :abort abort)
    open))
