;;;; A few lines in place of a test framework: DEFTEST, CHECK, SIGNALS, and counting.

(defpackage #:socketpoll/tests
  (:use #:common-lisp #:socketpoll)
  (:local-nicknames (#:raw #:socketpoll/raw) (#:io #:socketpoll/io) (#:net #:socketpoll/net)
                    (#:iocp #:socketpoll/iocp))
  (:export #:run-and-exit))

(in-package #:socketpoll/tests)

(defvar *tests* '() "Names, the latest first.")
(defvar *failures*)

(define-condition skipped (error) ((reason :initarg :reason :reader skipped-reason)))
(defun skip (reason) (error 'skipped :reason reason))

(defmacro deftest (name &body body)
  `(progn (defun ,name () ,@body) (pushnew ',name *tests*)))

(defun note-failure (form details)
  (push t *failures*)
  (format t "  FAILED: ~s~@[ (~a)~]~%" form details))

(defmacro is (form)
  "FORM is true; a call shows its arguments when it is not."
  (if (and (consp form) (symbolp (car form)) (not (macro-function (car form)))
           (not (special-operator-p (car form))))
      (let ((arguments (gensym)))
        `(let ((,arguments (list ,@(cdr form))))
           (unless (apply #',(car form) ,arguments)
             (note-failure ',form (format nil "with ~{~s~^ ~}" ,arguments)))))
      `(unless ,form (note-failure ',form nil))))

(defmacro signals (type form &optional text)
  "FORM signals TYPE, with TEXT, a form, in its report. The condition."
  `(block nil
     (handler-case ,form
       (,type (condition)
         ,@(when text
             `((unless (search ,text (princ-to-string condition))
                 (note-failure ',form (format nil "~a in ~a" ,text condition)))))
         (return condition))
       (error (other)
         (note-failure ',form (format nil "~a: ~a" (type-of other) other))
         (return other)))
     (note-failure ',form "nothing was signaled")))

(defun run-test (name)
  "PASSED, FAILED or SKIPPED. What takes longer than a minute hangs."
  (let ((*failures* '()) (start (get-internal-real-time)))
    (handler-case
        (sb-ext:with-timeout 60
          (handler-bind ((error (lambda (condition)
                                  (unless (typep condition 'skipped)
                                    (note-failure name condition)
                                    (sb-debug:print-backtrace :count 12)))))
            (with-event-loop () (funcall name))))
      (skipped (condition)
        (format t "skipped ~(~a~): ~a~%" name (skipped-reason condition))
        (return-from run-test :skipped))
      (sb-ext:timeout () (note-failure name "took longer than 60 s"))
      (error ()))
    (format t "~:[ok     ~;FAILED ~] ~(~a~) (~d ms)~%" *failures* name
            (floor (- (get-internal-real-time) start) 1000))
    (if *failures* :failed :passed)))

(defun run-and-exit ()
  "Runs the tests named on the command line, or all, and ends the process."
  (let* ((wanted (mapcar #'string-upcase (cdr sb-ext:*posix-argv*)))
         (names (remove-if-not (lambda (name)
                                 (or (null wanted)
                                     (member (string name) wanted :test #'string=)))
                               (reverse *tests*)))
         (results (mapcar #'run-test names)))
    (format t "~d passed, ~d failed, ~d skipped~%" (count :passed results)
            (count :failed results) (count :skipped results))
    (finish-output)
    (sb-ext:exit :code (if (or (member :failed results) (null results)) 1 0) :abort t)))

(declaim (notinline bad))
(defun bad (value)
  "VALUE, of which the compiler is to know nothing."
  value)
