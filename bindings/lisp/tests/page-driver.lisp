;;;; Loaded by a fresh SBCL: does what a reader of a page does with its blocks. Forms are evaluated one
;;;; after the other, as at the REPL; a line "; => TEXT" behind one says how its value is printed. A line
;;;; of a shell is run; "# TEXT" at its end says what it prints.

(defpackage #:page-driver (:use #:common-lisp))
(in-package #:page-driver)

(defun fail (control &rest arguments)
  (format t "~&PAGE: ~?~%" control arguments)
  (finish-output)
  (sb-ext:exit :code 1 :abort t))

(defun expected-text (text start)
  "What a comment behind the form that ends at START says, or NIL."
  (let ((start (position #\Newline text :start (min start (length text)))))
    (when (and start (eql (search "; => " text :start2 start) (1+ start)))
      (subseq text (+ start 6) (position #\Newline text :start (1+ start))))))

(defun run-forms (text)
  (let ((start 0))
    (loop
      (multiple-value-bind (form end) (read-from-string text nil text :start start
                                                                      :preserve-whitespace t)
        (when (eq form text) (return))
        (let* ((value (eval form)) (printed (prin1-to-string value))
               (expected (expected-text text end)))
          (when (and expected (string/= expected printed))
            (fail "~a gives ~a, not ~a" form printed expected)))
        (setf start end)))))

(defun run-line (line)
  (let* ((hash (search "  # " line)) (command (subseq line 0 hash))
         (printed (with-output-to-string (out)
                    (let ((process (sb-ext:run-program "/bin/sh" (list "-c" command) :output out)))
                      (unless (eql 0 (sb-ext:process-exit-code process))
                        (fail "~a fails" command))))))
    (when (and hash (string/= (subseq line (+ hash 4)) (string-right-trim '(#\Newline) printed)))
      (fail "~a prints ~a" line printed))))

(defun run-blocks (path)
  "PATH has a list of (LANGUAGE TEXT)."
  (let ((blocks (with-open-file (in path) (with-standard-io-syntax (read in)))))
    (let ((*package* (find-package '#:common-lisp-user)))
      (loop for (language text) in blocks
            do (if (string= language "lisp")
                   (run-forms text)
                   (with-input-from-string (in text)
                     (loop for line = (read-line in nil) while line do (run-line line))))))
    (format t "~&PAGE: done~%")
    (finish-output)))
