;;;; The packages and what they export. SOCKETPOLL is the core; SOCKETPOLL/IO and SOCKETPOLL/NET are
;;;; the two ways to use it; SOCKETPOLL/IOCP is Windows' completion port; SOCKETPOLL/RAW is C.

(defpackage #:socketpoll/raw
  (:use #:common-lisp #:sb-alien)
  (:import-from #:sb-sys #:system-area-pointer #:sap-ref-8 #:sap-ref-16 #:sap-ref-32 #:sap-ref-64
                #:sap-ref-sap #:signed-sap-ref-32 #:signed-sap-ref-64)
  (:import-from #:sb-ext #:truly-the))

(defpackage #:socketpoll
  (:use #:common-lisp)
  (:local-nicknames (#:raw #:socketpoll/raw))
  (:export
   ;; library
   #:load-library #:library-error #:library-missing #:library-too-old #:library-version
   #:library-features
   ;; conditions
   #:network-error #:network-error-code #:network-error-name #:network-error-text
   #:network-error-operation #:network-error-object #:network-error-details
   #:connection-error #:connection-refused
   #:connection-reset #:connection-aborted #:timeout-error #:address-in-use #:stale-object
   #:wrong-thread #:not-supported #:not-built-in #:missing-feature #:loop-stopped
   #:tls-error #:tls-refused #:tls-nothing-in-common #:tls-cut-off #:certificate-error
   #:certificate-expired #:certificate-not-yet-valid #:certificate-not-trusted
   #:certificate-for-another-host #:certificate-revoked #:certificate-not-pinned
   #:certificate-missing #:credential-error #:wrong-password
   ;; errors in handlers
   #:*development* #:*error-hook*
   ;; memory
   #:buffer #:buffer-p #:allocate-buffer #:free-buffer #:buffer-capacity #:buffer-sap #:buffer-ref
   #:buffer-octets #:buffer-string #:buffer-fill #:octet #:octets #:memory-octets #:memory-string
   #:to-octets #:to-string
   ;; the loop
   #:event-loop #:event-loop-p #:make-event-loop #:free-event-loop #:with-event-loop
   #:current-loop #:loop-backend #:loop-now #:loop-pending #:loop-statistic #:loop-descriptor
   #:loop-timeout
   #:run-event-loop #:run-once #:stop-event-loop #:call-in-loop
   #:next-event #:do-events #:dispatch-event #:event #:event-kind #:event-status #:event-subject
   #:event-source #:event-data #:event-length #:event-user #:event-object
   #:object #:object-loop #:object-live-p #:object-handle
   ;; operations
   #:operation #:cancel
   ;; sockets
   #:listener #:listen-on #:listener-port #:connection #:connection-peer #:connection-local
   #:connection-status #:connection-on-drain #:connect-to #:adopt-descriptor #:connection-pair #:start-reading
   #:pause-reading #:send #:send-memory #:shutdown #:close-connection #:close-object
   #:move-connection #:add-timer #:timer #:add-watch #:watch #:watch-descriptor
   #:add-limiter #:limiter #:limiter-take #:limiter-delay
   ;; TLS
   #:tls #:tls-p #:make-server-tls #:make-client-tls #:configure-tls #:add-certificate
   #:replace-certificate #:reload-tls #:set-staple #:tls-ticket-keys #:tls-engine #:make-certificate
   #:certificate-fingerprint #:describe-certificate #:start-tls #:listener-tls
   #:connection-tls-version #:connection-tls-suite #:connection-tls-protocol
   #:connection-tls-server-name #:connection-tls-resumed-p #:connection-certificate
   #:connection-tls-failure
   ;; datagrams
   #:datagram-socket #:make-datagram-socket #:datagram-port #:send-datagram #:reply
   #:datagram-sender))

(defpackage #:socketpoll/io
  (:use #:common-lisp #:socketpoll)
  (:local-nicknames (#:raw #:socketpoll/raw))
  (:export
   #:with-io-context #:io-context #:make-io-context #:free-io-context #:run-io-context
   #:stop-io-context #:io-context-loop #:async-accept #:async-connect #:async-read #:async-write
   #:async-start-tls
   #:allocate-buffer #:free-buffer #:buffer #:buffer-ref #:buffer-sap #:buffer-octets
   #:buffer-string #:buffer-capacity #:buffer-fill #:make-buffer-pool #:buffer-pool
   #:buffer-pool-in-use #:take-buffer
   #:leave-buffer #:with-pooled-buffer #:splice-async
   #:create-server-socket #:server-socket-port #:close-connection #:*socket* #:cancel))

(defpackage #:socketpoll/net
  (:use #:common-lisp #:socketpoll)
  (:shadow #:get #:delete)
  (:local-nicknames (#:raw #:socketpoll/raw))
  (:export
   #:socket #:listener #:connection #:with-listener #:with-connection #:socket-listen
   #:socket-connect #:socket-accept #:socket-close #:socket-stream #:socket-port #:socket-peer
   #:socket-start-tls
   #:future #:future-done-p #:make-future #:complete-future #:await #:select #:then #:cancel
   #:async-connect #:async-accept #:async-read #:async-write #:async-start-tls #:resolve
   #:start-event-loop #:stop-event-loop #:add-socket #:remove-socket #:current-loop
   #:with-event-loop #:make-event-loop
   #:with-http-server #:with-tls-server #:with-http-client #:http-server #:make-http-server
   #:run-http-server #:start-http-server #:stop-http-server #:http-server-port #:route
   #:serve-static #:add-middleware
   #:http-request #:request-method #:request-uri #:request-path #:request-query #:request-header
   #:request-headers #:request-body #:request-text #:request-parameter #:request-peer
   #:request-tls-version #:request-tls-server-name #:request-certificate
   #:request-duration #:request-query-parameters #:request-form-parameters #:request-on-close
   #:read-body #:pause-body #:resume-body #:start-response #:write-response #:end-response
   #:request-on-drain #:response-stream #:with-response-stream
   #:http-response #:make-response #:response-status #:response-headers #:response-body
   #:respond #:get #:post #:put #:delete
   #:network-error #:connection-error #:connection-refused #:connection-reset
   #:connection-aborted #:timeout-error #:address-in-use #:stale-object #:wrong-thread
   #:not-built-in #:tls-error #:tls-refused #:tls-nothing-in-common #:tls-cut-off
   #:certificate-error #:certificate-expired #:certificate-not-yet-valid
   #:certificate-not-trusted #:certificate-for-another-host #:certificate-revoked
   #:certificate-not-pinned #:certificate-missing #:credential-error #:wrong-password
   #:make-server-tls #:make-client-tls #:configure-tls #:add-certificate #:replace-certificate
   #:reload-tls #:set-staple #:tls-ticket-keys #:make-certificate #:certificate-fingerprint
   #:describe-certificate #:connection-tls-version #:connection-tls-suite
   #:connection-tls-protocol #:connection-tls-server-name #:connection-tls-resumed-p
   #:connection-certificate #:connection-tls-failure))

(defpackage #:socketpoll/iocp
  (:use #:common-lisp #:socketpoll)
  (:local-nicknames (#:raw #:socketpoll/raw))
  (:export
   #:with-iocp #:create-tcp-socket #:associate-socket #:wait-for-completion
   #:completion-success-p #:create-io-completion-port #:get-queued-completion-status
   #:post-queued-completion-status #:process-completions #:close-iocp))
