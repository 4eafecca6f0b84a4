;;;; Runs the pages of the language, docs/lisp.md and the README, as they are printed: each section's
;;;; blocks in order in a fresh SBCL, behind the first two of the page, which load the system and make a
;;;; package; and then the whole page from top to bottom. Only the port and the checkout are put in.

(in-package #:socketpoll/tests)

(defun page-sections (path)
  "Lists of a title and the blocks of Lisp and of curl: (LANGUAGE TEXT)."
  (let ((sections (list (list "the top"))) (language nil) (text '()))
    (with-open-file (in path)
      (loop for line = (read-line in nil)
            while line
            do (cond ((and language (string= line "```"))
                      (let ((text (format nil "~{~a~%~}" (reverse text))))
                        (when (or (string= language "lisp")
                                  (and (string= language "sh") (eql 0 (search "curl " text))))
                          (push (list language text) (cdr (first sections)))))
                      (setf language nil text '()))
                     (language (push line text))
                     ((eql 0 (search "```" line)) (setf language (subseq line 3)))
                     ((eql 0 (search "## " line)) (push (list (subseq line 3)) sections)))))
    (loop for (title . blocks) in (reverse sections)
          when blocks collect (cons title (reverse blocks)))))

(defun run-blocks (blocks)
  "What a fresh SBCL prints that is given BLOCKS."
  (with-folder (folder)
    (let ((port (port-text (free-port))) (path (concatenate 'string folder "blocks")))
      (with-open-file (out path :direction :output :external-format :utf-8)
        (with-standard-io-syntax
          (prin1 (loop for (language text) in blocks
                       collect (list language
                                     (replaced-if text (list "8080" port
                                                             "/path/to/socketpoll/"
                                                             (namestring (checkout))))))
                 out)))
      (values (sb-posix-output
               (list "--noinform" "--disable-ldb" "--no-userinit" "--no-sysinit" "--non-interactive"
                     "--load" (namestring (merge-pathnames "page-driver.lisp" (tests-folder)))
                     "--eval" (format nil "(page-driver::run-blocks ~s)" path))
               folder)
              (mapcar #'file-namestring (directory (concatenate 'string folder "*.*")))))))

(defun tests-folder () (merge-pathnames "tests/" (asdf:system-source-directory "socketpoll")))
(defun checkout () (truename (merge-pathnames "../../" (asdf:system-source-directory "socketpoll"))))

(defun sb-posix-output (arguments folder)
  "What SBCL prints with ARGUMENTS in FOLDER."
  (with-output-to-string (out)
    (sb-ext:run-program sb-ext:*runtime-pathname* arguments :output out :error out :input nil
                                                            :directory folder)))

(defun replaced-if (text replacements)
  (loop for (old new) on replacements by #'cddr
        when (search old text) do (setf text (replaced text "the page" (list old new))))
  text)

(defun page-path (name) (merge-pathnames name (checkout)))

(defun beginning (sections) (loop repeat 2 for block in (rest (first sections)) collect block))

(defun check-section (page title)
  (let* ((sections (page-sections (page-path page)))
         (blocks (rest (assoc title sections :test #'string=))))
    (multiple-value-bind (text files)
        (run-blocks (if (string= title (first (first sections)))
                        blocks
                        (append (beginning sections) blocks)))
      ;; A saved image ends its process.
      (unless (or (search "PAGE: done" text) (member "hello-server" files :test #'string=))
        (note-failure title text)))))

;; A test for each section.
(loop for (title) in (page-sections (page-path "docs/lisp.md"))
      do (let ((title title)
               (name (intern (format nil "PAGE-~:@(~a~)" (substitute #\- #\Space title)))))
           (setf (fdefinition name) (lambda () (check-section "docs/lisp.md" title)))
           (pushnew name *tests*)))

(deftest page-from-top-to-bottom
  (let ((text (run-blocks (loop for (title . blocks) in (page-sections (page-path "docs/lisp.md"))
                                unless (string= title "Images") append blocks))))
    (unless (search "PAGE: done" text) (note-failure 'page-from-top-to-bottom text))))
