;;;; Bytes outside of the Lisp heap, which the garbage collector does not move: buffers that the
;;;; library reads into and writes from, and the copies into Lisp's own vectors and strings.

(in-package #:socketpoll)

(deftype octet () "A byte." '(unsigned-byte 8))
(deftype octets () "A simple vector of bytes."
  '(simple-array (unsigned-byte 8) (*)))
(deftype address () 'raw:word)

(declaim (inline address-sap sap-address))
(defun address-sap (address)
  (declare (type address address))
  (sb-sys:int-sap address))
(defun sap-address (sap)
  (sb-ext:truly-the address (sb-sys:sap-int sap)))

(defun allocate-memory (bytes)
  (declare (type (unsigned-byte 48) bytes))
  (let ((sap (sb-alien:alien-funcall
              (sb-alien:extern-alien "malloc" (function sb-sys:system-area-pointer
                                                        (sb-alien:unsigned 64)))
              (max 1 bytes))))
    (when (zerop (sb-sys:sap-int sap))
      (fail raw:+socket-enomem+ "allocate memory" nil))
    (sap-address sap)))

(defun free-memory (address)
  (declare (type address address))
  (sb-alien:alien-funcall
   (sb-alien:extern-alien "free" (function sb-alien:void (sb-alien:unsigned 64))) address)
  nil)

(declaim (inline copy-memory))
(defun copy-memory (from to length)
  "LENGTH bytes between two SAPs."
  (declare (type sb-sys:system-area-pointer from to) (type (unsigned-byte 48) length))
  (sb-kernel:system-area-ub8-copy from 0 to 0 length))

(defun memory-octets (address length)
  "A new octet vector with a copy of LENGTH bytes at ADDRESS, such as an event's data."
  (declare (type address address) (type (unsigned-byte 48) length))
  (let ((vector (make-array length :element-type 'octet)))
    (sb-sys:with-pinned-objects (vector)
      (sb-kernel:system-area-ub8-copy (address-sap address) 0 (sb-sys:vector-sap vector) 0 length))
    vector))

(defun memory-string (address length)
  "The LENGTH bytes at ADDRESS as a string: UTF-8, with U+FFFD for what is none."
  (to-string (memory-octets address length)))

(defun to-octets (data)
  "DATA, an octet vector or a string (which is encoded as UTF-8), as a simple octet vector: DATA
itself if it is one. Anything else is a TYPE-ERROR."
  (etypecase data
    (octets data)
    (string (sb-ext:string-to-octets data :external-format :utf-8))
    ((vector (unsigned-byte 8)) (coerce data 'octets))
    (buffer (buffer-octets data))
    (vector (coerce data 'octets))))

(defun to-string (octets &key (start 0) end)
  "Octets from START to END as a string: UTF-8, with U+FFFD for what is none."
  (sb-ext:octets-to-string octets :start start :end end
                                  :external-format '(:utf-8 :replacement #\ufffd)))

;;; Buffers

(defstruct (buffer (:constructor %make-buffer (address capacity pool)) (:copier nil))
  "Memory that does not move. Operations use it as it is, without copying; BUFFER-REF and BUFFER-SAP
reach into it, BUFFER-OCTETS and BUFFER-STRING copy out of it. The garbage collector frees it, or
FREE-BUFFER earlier; an operation that uses it keeps it until it has ended."
  (address 0 :type address)
  (capacity 0 :type (unsigned-byte 48) :read-only t)
  (fill 0 :type (unsigned-byte 48))
  (epoch **epoch** :type (unsigned-byte 62) :read-only t)
  (pool nil :read-only t)
  (uses 0 :type (unsigned-byte 32))
  (doomed nil))

(setf (documentation 'buffer-p 'function)
      "Whether something is a buffer.")
(setf (documentation 'buffer-capacity 'function)
      "How many bytes the buffer has room for.")
(setf (documentation 'buffer-fill 'function)
      "How many bytes the last operation put into the buffer, or BUFFER-FILL was set to.")

(defmethod print-object ((buffer buffer) stream)
  (print-unreadable-object (buffer stream :type t :identity t)
    (format stream "~d of ~d bytes~:[~; freed~]" (buffer-fill buffer) (buffer-capacity buffer)
            (zerop (buffer-address buffer)))))

(defun make-memory-buffer (capacity pool)
  (let* ((address (allocate-memory capacity))
         (buffer (%make-buffer address capacity pool)))
    (sb-ext:finalize buffer (lambda () (free-memory address)) :dont-save t)))

(defun allocate-buffer (capacity)
  "A new buffer of CAPACITY bytes."
  (check-type capacity (integer 1 #.raw:+socket-buf-max+))
  (make-memory-buffer capacity nil))

(defun release-buffer-memory (buffer)
  (unless (zerop (buffer-address buffer))
    (sb-ext:cancel-finalization buffer)
    (when (= (buffer-epoch buffer) **epoch**)
      (free-memory (shiftf (buffer-address buffer) 0)))
    (setf (buffer-address buffer) 0)))

(defun free-buffer (buffer)
  "Gives the memory back now, or as soon as the operations that use it have ended."
  (check-type buffer buffer)
  (cond ((plusp (buffer-uses buffer)) (setf (buffer-doomed buffer) :free))
        (t (release-buffer-memory buffer)))
  nil)

(declaim (inline live-buffer-address))
(defun live-buffer-address (buffer)
  (let ((address (buffer-address buffer)))
    (if (and (plusp address) (= (buffer-epoch buffer) **epoch**))
        address
        (sb-ext:truly-the address (fail raw:+socket-ebadhandle+ "use" buffer)))))

(defun buffer-sap (buffer)
  "Where the buffer's bytes are: valid as long as BUFFER is reachable and not freed."
  (address-sap (live-buffer-address buffer)))

(declaim (inline buffer-ref (setf buffer-ref)))
(defun check-index (buffer index)
  (unless (and (typep index 'fixnum) (< -1 index (buffer-capacity buffer)))
    (error 'sb-int:invalid-array-index-error :array buffer :axis 0 :datum index
                                             :expected-type `(integer 0 (,(buffer-capacity buffer))))))
(defun buffer-ref (buffer index)
  "The byte at INDEX. Setf-able."
  (check-index buffer index)
  (sb-sys:sap-ref-8 (address-sap (live-buffer-address buffer)) (sb-ext:truly-the (unsigned-byte 48) index)))
(defun (setf buffer-ref) (value buffer index)
  (check-index buffer index)
  (setf (sb-sys:sap-ref-8 (address-sap (live-buffer-address buffer)) (sb-ext:truly-the (unsigned-byte 48) index))
        (the octet value)))

(defun check-range (buffer start end)
  (unless (<= 0 start end (buffer-capacity buffer))
    (error 'sb-kernel:bounding-indices-bad-error
           :object buffer :datum (cons start end)
           :expected-type `(cons (integer 0 ,(buffer-capacity buffer)) t))))

(defun buffer-octets (buffer &key (start 0) (end (buffer-fill buffer)))
  "A copy of the bytes from START to END as an octet vector."
  (check-range buffer start end)
  (prog1 (memory-octets (+ (live-buffer-address buffer) start) (- end start))
    (sb-sys:with-pinned-objects (buffer))))

(defun buffer-string (buffer &key (start 0) (end (buffer-fill buffer)))
  "The same as a string, decoded as UTF-8."
  (to-string (buffer-octets buffer :start start :end end)))

(defun fill-buffer (buffer data)
  "Copies DATA, octets or a string, to the front of BUFFER, sets its fill and returns how many bytes
that were."
  (let* ((octets (to-octets data)) (length (length octets)))
    (check-range buffer 0 length)
    (sb-sys:with-pinned-objects (octets buffer)
      (copy-memory (sb-sys:vector-sap octets) (buffer-sap buffer) length))
    (setf (buffer-fill buffer) length)))

(defgeneric return-to-pool (pool buffer)
  (:documentation "BUFFER is used by nobody any more."))

;;; An operation on a Lisp vector works on memory of its own, which goes when it has ended.

(defun make-bounce-buffer (capacity &optional data)
  (let ((buffer (%make-buffer (allocate-memory capacity) capacity nil)))
    (setf (buffer-doomed buffer) :bounce)
    (when data (fill-buffer buffer data))
    buffer))

(defun borrow-buffer (buffer)
  (incf (buffer-uses buffer))
  (live-buffer-address buffer))

(defun unborrow-buffer (buffer)
  (when (and (zerop (decf (buffer-uses buffer))) (buffer-doomed buffer))
    (ecase (shiftf (buffer-doomed buffer) nil)
      (:bounce (free-memory (shiftf (buffer-address buffer) 0)))
      (:free (release-buffer-memory buffer))
      (:return (return-to-pool (buffer-pool buffer) buffer)))))
