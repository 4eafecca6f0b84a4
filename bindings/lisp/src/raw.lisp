;;;; The raw layer: every function, constant and structure of the C interface, and nothing else.
;;;; Written by tools/generate from the headers; do not edit. Nothing here signals a NETWORK-ERROR:
;;;; a code is a number and a handle a word, 0 for NULL. The rules of tools/lib/raw_lisp.py.

(in-package #:socketpoll/raw)

(eval-when (:compile-toplevel :load-toplevel :execute)
  (export '(+version+ word
            +socket-async-max-delimiter+
            +socket-async-max-slices+
            +socket-buf-limit+
            +socket-buf-max+
            +socket-buf-pool-size+
            +socket-buf-pool-count+
            +socket-buf-pool-in-use+
            +socket-buf-pool-high+
            +socket-buf-pool-allocated+
            +socket-buf-pool-taken+
            +socket-buf-pool-refused+
            +socket-port-posted+
            +socket-port-accepted+
            +socket-port-connected+
            +socket-port-received+
            +socket-port-sent+
            +socket-port-file-sent+
            +socket-port-foreign+
            +socket-dgram-max-batch+
            +socket-dgram-pull-batch+
            +socket-dgram-retry-ms+
            +socket-dgram-can-batch+
            +socket-dgram-can-segment+
            +socket-dgram-can-gro+
            +socket-dgram-can-tell-errors+
            +socket-dgram-can-abstract+
            +socket-ok+
            +socket-ebadhandle+
            +socket-ewrongthread+
            +socket-einval+
            +socket-enomem+
            +socket-enotsup+
            +socket-estate+
            +socket-ebusy+
            +socket-elimit+
            +socket-etimedout+
            +socket-ecanceled+
            +socket-estopped+
            +socket-eclosed+
            +socket-eaddress+
            +socket-eprotocol+
            +socket-eport+
            +socket-enoname+
            +socket-enameserver+
            +socket-etruncated+
            +socket-eagain+
            +socket-ebadf+
            +socket-eexist+
            +socket-enoent+
            +socket-eperm+
            +socket-eacces+
            +socket-emfile+
            +socket-enfile+
            +socket-enospc+
            +socket-enobufs+
            +socket-eaddrinuse+
            +socket-eaddrnotavail+
            +socket-eafnosupport+
            +socket-econnrefused+
            +socket-econnreset+
            +socket-econnaborted+
            +socket-epipe+
            +socket-enotconn+
            +socket-enetunreach+
            +socket-ehostunreach+
            +socket-enetdown+
            +socket-eloop+
            +socket-enotdir+
            +socket-eisdir+
            +socket-enametoolong+
            +socket-eio+
            +socket-emsgsize+
            +socket-etls+
            +socket-ealert+
            +socket-enocommon+
            +socket-ecutoff+
            +socket-ecert-expired+
            +socket-ecert-not-yet+
            +socket-ecert-issuer+
            +socket-ecert-name+
            +socket-ecert-revoked+
            +socket-ecert-pin+
            +socket-ecert-missing+
            +socket-ecert+
            +socket-ecredential+
            +socket-epassword+
            +socket-eunknown+
            +socket-http-max-head+
            +socket-http-max-target+
            +socket-http-max-fields+
            +socket-http-max-body+
            +socket-http-max-connections+
            +socket-http-head-timeout-ms+
            +socket-http-body-timeout-ms+
            +socket-http-body-rate+
            +socket-http-idle-timeout-ms+
            +socket-http-write-timeout-ms+
            +socket-http-high-mark+
            +socket-http-low-mark+
            +socket-http-listing+
            +socket-limiter-max+
            +socket-listener-backlog+
            +socket-listener-max-connections+
            +socket-listener-retry-ms+
            +socket-reuseport-off+
            +socket-reuseport-share+
            +socket-reuseport-first+
            +socket-posted+
            +socket-timer+
            +socket-ready+
            +socket-accepted+
            +socket-accept-stalled+
            +socket-accept-resumed+
            +socket-connected+
            +socket-data+
            +socket-drained+
            +socket-eof+
            +socket-closed+
            +socket-completed+
            +socket-datagram+
            +socket-datagram-error+
            +socket-progress+
            +socket-http-request+
            +socket-http-body+
            +socket-http-body-end+
            +socket-http-drained+
            +socket-http-closed+
            +socket-http-stopped+
            +socket-finished+
            +socket-stat-turns+
            +socket-stat-waits+
            +socket-stat-wait-ns+
            +socket-stat-longest-ns+
            +socket-stat-pushed+
            +socket-stat-pulled+
            +socket-stat-posts+
            +socket-stat-timers+
            +socket-stat-descriptors+
            +socket-stat-objects+
            +socket-stat-received+
            +socket-stat-sent+
            +socket-stat-tls-handshakes+
            +socket-stat-tls-failed+
            +socket-stat-count+
            +socket-pipeline-high-mark+
            +socket-pipeline-max-unit+
            +socket-file-replace+
            +socket-file-append+
            +socket-file-new+
            +socket-can-unix-sockets+
            +socket-can-abstract-names+
            +socket-can-pass-descriptors+
            +socket-can-peer-credentials+
            +socket-can-pipes+
            +socket-can-splice+
            +socket-can-send-file+
            +socket-can-share-port+
            +socket-can-activation+
            +socket-can-pin-threads+
            +socket-can-completion-port+
            +poll-read+
            +poll-write+
            +poll-error+
            +poll-hangup+
            +socket-poll-peer-closed+
            +socket-poll-level+
            +socket-poll-oneshot+
            +socket-poll-exclusive+
            +socket-poll-can-edge+
            +socket-poll-can-oneshot+
            +socket-poll-can-exclusive+
            +socket-poll-can-peer-closed+
            +socket-poll-can-pollable-fd+
            +socket-poll-timeout-infinite+
            +socket-poll-timeout-use-default+
            +socket-family-any+
            +socket-family-ipv4+
            +socket-family-ipv6+
            +socket-resolver-threads+
            +socket-resolver-queue+
            +socket-resolver-cache-entries+
            +socket-resolver-cache-found-ms+
            +socket-resolver-cache-failed-ms+
            +socket-simulation-min-delay-us+
            +socket-simulation-max-delay-us+
            +socket-simulation-buffer+
            +socket-stream-high-mark+
            +socket-stream-low-mark+
            +socket-stream-max-send-fds+
            +socket-stream-max-fds+
            +socket-stream-write-timeout-ms+
            +socket-tls-no-certificate+
            +socket-tls-optional-certificate+
            +socket-tls-required-certificate+
            +socket-tls-handshake-timeout-ms+
            +socket-tls-max-handshakes+
            +socket-tls-sessions+
            +socket-tls-ticket-key-bytes+
            +socket-tls-most-ticket-keys+
            +socket-tls-server-certificate+
            +socket-tls-client-certificate+
            +socket-tls-authority+
            +socket-tls-rsa+
            +socket-tls-pem-bytes+
            +socket-version-major+
            +socket-version-minor+
            +socket-version-patch+
            +socket-workers-max+
            socket-async-sleep
            socket-async-resolve
            socket-async-connect
            socket-async-accept
            socket-async-read
            socket-async-read-exactly
            socket-async-read-until
            socket-async-write
            socket-async-writev
            socket-async-receive-from
            socket-async-send-to
            socket-async-read-buf
            socket-async-write-buf
            socket-async-splice
            socket-async-send-file
            socket-buf-new
            socket-buf-new-ref
            socket-buf-slice
            socket-buf-free
            socket-buf-get-data
            socket-buf-get-readable
            socket-buf-get-writable
            socket-buf-get-capacity
            socket-buf-set-limit
            socket-buf-get-limit
            socket-buf-reserve
            socket-buf-commit
            socket-buf-write
            socket-buf-put-u8
            socket-buf-put-u16
            socket-buf-put-u32
            socket-buf-put-u64
            socket-buf-peek
            socket-buf-find
            socket-buf-read
            socket-buf-consume
            socket-buf-rewind
            socket-buf-get-u8
            socket-buf-get-u16
            socket-buf-get-u32
            socket-buf-get-u64
            socket-buf-clear
            socket-buf-compact
            socket-buf-pool-new
            socket-buf-pool-free
            socket-buf-pool-take
            socket-buf-pool-trim
            socket-buf-pool-get-stat
            socket-completion-port-new
            socket-completion-port-free
            socket-completion-port-associate
            socket-completion-port-wait
            socket-completion-port-wait-one
            socket-completion-port-post
            socket-completion-port-accept
            socket-completion-port-connect
            socket-completion-port-receive
            socket-completion-port-send
            socket-completion-port-receive-from
            socket-completion-port-send-to
            socket-completion-port-transmit-file
            socket-completion-port-cancel
            socket-completion-port-cancel-all
            socket-dgram-new
            socket-dgram-free
            socket-dgram-set-callback
            socket-dgram-bind
            socket-dgram-connect
            socket-dgram-start
            socket-dgram-pause
            socket-dgram-send
            socket-dgram-send-to
            socket-dgram-reply
            socket-dgram-get-sender
            socket-dgram-get-last-source
            socket-dgram-set-batch
            socket-dgram-send-batch
            socket-dgram-reply-batch
            socket-dgram-send-segments
            socket-dgram-reply-segments
            socket-dgram-set-gro
            socket-dgram-get-capabilities
            socket-dgram-set-broadcast
            socket-dgram-set-reuseaddr
            socket-dgram-set-reuseport
            socket-dgram-set-v6only
            socket-dgram-set-receive-buffer
            socket-dgram-set-send-buffer
            socket-dgram-set-ttl
            socket-dgram-set-multicast-ttl
            socket-dgram-set-multicast-loop
            socket-dgram-set-multicast-interface
            socket-dgram-join
            socket-dgram-leave
            socket-dgram-join-source
            socket-dgram-leave-source
            socket-dgram-get-local
            socket-dgram-get-peer
            socket-dgram-get-port
            socket-dgram-get-fd
            socket-last-error
            socket-last-error-message
            socket-error-name
            socket-error-text
            socket-future-new
            socket-future-free
            socket-future-release
            socket-future-complete
            socket-future-cancel
            socket-future-then
            socket-future-await
            socket-future-select
            socket-future-all-done
            socket-future-any
            socket-future-all
            socket-future-is-done
            socket-future-get-status
            socket-future-get-failure
            socket-future-get-result
            socket-future-get-progress
            socket-future-get-lost
            socket-future-get-data
            socket-http-get-method
            socket-http-get-target
            socket-http-get-path
            socket-http-get-query
            socket-http-get-version
            socket-http-get-header
            socket-http-get-header-count
            socket-http-get-header-name
            socket-http-get-header-value
            socket-http-get-parameter
            socket-http-get-peer
            socket-http-get-tls-version
            socket-http-get-tls-server
            socket-http-get-tls-certificate
            socket-http-get-body-length
            socket-http-set-callback
            socket-http-read-body
            socket-http-pause-body
            socket-http-add-header
            socket-http-set-header
            socket-http-respond
            socket-http-start
            socket-http-write
            socket-http-end
            socket-http-abort
            socket-http-next
            socket-http-get-status
            socket-http-get-bytes-sent
            socket-http-get-duration-us
            socket-http-server-new
            socket-http-server-free
            socket-http-server-route
            socket-http-server-use
            socket-http-server-static
            socket-http-server-listen
            socket-http-server-listen-fd
            socket-http-server-set-tls
            socket-http-server-set-reuseport
            socket-http-server-get-port
            socket-http-server-get-fd
            socket-http-server-get-connections
            socket-http-server-stop
            socket-http-server-set-stop-grace
            socket-http-server-set-callback
            socket-http-server-set-log
            socket-http-server-set-max-head
            socket-http-server-set-max-target
            socket-http-server-set-max-fields
            socket-http-server-set-max-body
            socket-http-server-set-max-connections
            socket-http-server-set-head-timeout
            socket-http-server-set-body-timeout
            socket-http-server-set-idle-timeout
            socket-http-server-set-write-timeout
            socket-http-server-set-marks
            socket-limiter-new
            socket-limiter-free
            socket-limiter-take
            socket-limiter-delay
            socket-limiter-set-rate
            socket-limiter-get-rate
            socket-limiter-get-burst
            socket-listener-new
            socket-listener-free
            socket-listener-set-callback
            socket-listener-set-backlog
            socket-listener-set-reuseport
            socket-listener-set-receive-buffer
            socket-listener-set-send-buffer
            socket-listener-set-mode
            socket-listener-set-max-connections
            socket-listener-listen
            socket-listener-listen-fd
            socket-listener-get-fd
            socket-listener-get-port
            socket-listener-pause
            socket-listener-resume
            socket-listener-activation-count
            socket-listener-activation-fd
            socket-listener-activation-name
            socket-listener-spawn-successor
            socket-listener-activation-ready
            socket-loop-new
            socket-loop-new-backend
            socket-loop-free
            socket-loop-claim
            socket-loop-run
            socket-loop-run-once
            socket-loop-wait
            socket-loop-stop
            socket-loop-post
            socket-loop-now
            socket-loop-get-fd
            socket-loop-get-timeout
            socket-loop-get-stat
            socket-loop-get-backend-name
            socket-pipeline-new
            socket-pipeline-free
            socket-pipeline-set-callback
            socket-pipeline-from-file
            socket-pipeline-from-fd
            socket-pipeline-from-stream
            socket-pipeline-from-memory
            socket-pipeline-from-callback
            socket-pipeline-to-file
            socket-pipeline-to-fd
            socket-pipeline-to-stream
            socket-pipeline-to-buf
            socket-pipeline-to-callback
            socket-pipeline-add-limit
            socket-pipeline-add-count
            socket-pipeline-get-count
            socket-pipeline-add-lines
            socket-pipeline-add-length-decode
            socket-pipeline-add-length-encode
            socket-pipeline-add-transform
            socket-pipeline-emit
            socket-pipeline-add-limiter
            socket-pipeline-set-high-mark
            socket-pipeline-set-progress
            socket-pipeline-set-zero-copy
            socket-pipeline-start
            socket-async-pipeline
            socket-pipeline-pause
            socket-pipeline-resume
            socket-pipeline-cancel
            socket-pipeline-get-written
            socket-pipeline-get-taken
            socket-pipeline-get-zero-copy
            socket-platform-name
            socket-platform-capabilities
            socket-platform-capability-name
            socket-poll-new
            socket-poll-new-backend
            socket-poll-free
            socket-poll-add
            socket-poll-mod
            socket-poll-modify-events
            socket-poll-del
            socket-poll-wait
            socket-poll-wakeup
            socket-poll-get-backend-name
            socket-poll-get-capabilities
            socket-poll-get-fd
            socket-poll-getdefaulttimeout
            socket-poll-setdefaulttimeout
            socket-poll-getregisteredcount
            socket-poll-get-registered-sockets
            socket-poll-getmaxregistered
            socket-poll-setmaxregistered
            socket-poll-backend-count
            socket-poll-backend-at
            socket-poll-backend-capabilities
            socket-resolver-set-threads
            socket-resolver-set-cache
            socket-resolver-flush-cache
            socket-resolver-get-address
            socket-resolver-set-hook
            socket-resolver-add-address
            socket-resolver-finish
            socket-simulation-new
            socket-simulation-free
            socket-simulation-new-loop
            socket-simulation-pair
            socket-simulation-run
            socket-simulation-get-time
            socket-simulation-set-delay
            socket-simulation-set-loss
            socket-simulation-set-piece
            socket-simulation-set-buffer
            socket-simulation-set-reordering
            socket-simulation-break
            socket-simulation-random
            socket-simulation-get-digest
            socket-simulation-get-open
            socket-stream-connect
            socket-stream-new-fd
            socket-stream-new-socketpair
            socket-stream-new-pipe
            socket-stream-free
            socket-stream-set-callback
            socket-stream-move
            socket-stream-start
            socket-stream-pause
            socket-stream-write
            socket-stream-write-ref
            socket-stream-shutdown
            socket-stream-close
            socket-stream-set-marks
            socket-stream-set-write-timeout
            socket-stream-set-idle-timeout
            socket-stream-set-nodelay
            socket-stream-set-keepalive
            socket-stream-set-receive-buffer
            socket-stream-set-send-buffer
            socket-stream-get-queued
            socket-stream-get-peer
            socket-stream-get-local
            socket-stream-get-fd
            socket-stream-get-peer-credentials
            socket-stream-send-fds
            socket-stream-set-max-fds
            socket-stream-take-fds
            socket-stream-set-raw
            socket-stream-get-window
            socket-tls-get-engine
            socket-tls-new-server
            socket-tls-new-client
            socket-tls-free
            socket-tls-add-certificate-files
            socket-tls-add-certificate
            socket-tls-replace-certificate
            socket-tls-reload
            socket-tls-set-password
            socket-tls-set-password-text
            socket-tls-set-staple
            socket-tls-add-authorities
            socket-tls-add-authorities-file
            socket-tls-add-authorities-folder
            socket-tls-set-system-authorities
            socket-tls-set-client-check
            socket-tls-set-verify
            socket-tls-add-pin
            socket-tls-trust-anybody-without-verification
            socket-tls-set-policy
            socket-tls-set-alpn
            socket-tls-set-tickets
            socket-tls-set-ticket-keys
            socket-tls-get-ticket-keys
            socket-tls-set-sessions
            socket-tls-set-key-log
            socket-tls-set-handshake-timeout
            socket-tls-set-max-handshakes
            socket-stream-connect-tls
            socket-async-connect-tls
            socket-stream-start-tls
            socket-stream-get-tls-version
            socket-stream-get-tls-suite
            socket-stream-get-tls-alpn
            socket-stream-get-tls-server
            socket-stream-is-tls-resumed
            socket-stream-get-tls-certificate
            socket-stream-get-tls-failure
            socket-tls-describe-certificate
            socket-tls-fingerprint
            socket-tls-make-certificate
            socket-listener-set-tls
            socket-timer-new
            socket-timer-free
            socket-timer-set-callback
            socket-timer-start
            socket-timer-stop
            socket-timer-get-remaining
            socket-version
            socket-features
            socket-watch-new
            socket-watch-free
            socket-watch-set-callback
            socket-watch-set-events
            socket-workers-new
            socket-workers-free
            socket-workers-set-name
            socket-workers-set-pinning
            socket-workers-processors
            socket-workers-start
            socket-workers-get-failed
            socket-workers-get-count
            socket-workers-get-loop
            socket-workers-stop
            socket-workers-join
            +socket-port-event-size+
            socket-port-event-key
            socket-port-event-operation
            socket-port-event-user
            socket-port-event-bytes
            socket-port-event-error
            socket-port-event-kind
            socket-port-event-fd
            +socket-completion-size+
            socket-completion-kind
            socket-completion-status
            socket-completion-subject
            socket-completion-source
            socket-completion-data
            socket-completion-length
            socket-completion-user
            +socket-event-size+
            socket-event-fd
            socket-event-events
            socket-event-data)))

(sb-int:defconstant-eqx +version+ "0.1.0" #'equal
  "The version of the library whose headers this layer was made of.")

(deftype word ()
  "A handle, or a word that came back: always a fixnum."
  '(unsigned-byte 62))

(defun text-at (sap)
  "The string at SAP, which ends with a NUL; NIL for NULL. What is no UTF-8 in it is U+FFFD."
  (declare (type system-area-pointer sap) (optimize speed))
  (unless (zerop (sb-sys:sap-int sap))
    (let* ((length (loop for at of-type (unsigned-byte 32) from 0
                         until (zerop (sap-ref-8 sap at))
                         finally (return at)))
           (octets (make-array length :element-type '(unsigned-byte 8))))
      (dotimes (at length) (setf (aref octets at) (sap-ref-8 sap at)))
      (sb-ext:octets-to-string octets :external-format '(:utf-8 :replacement #\ufffd)))))

(defconstant +socket-async-max-delimiter+ 16 "bytes of SocketAsync_read_until's delimiter")
(defconstant +socket-async-max-slices+ 1024 "pieces of SocketAsync_writev")
(defconstant +socket-buf-limit+ 16777216 "bytes of the largest block that a buffer grows to")
(defconstant +socket-buf-max+ 1073741824 "the most that this can be set to")
(defconstant +socket-buf-pool-size+ 0 "bytes of a block")
(defconstant +socket-buf-pool-count+ 1 "blocks that may be in use at a time")
(defconstant +socket-buf-pool-in-use+ 2 "blocks that are")
(defconstant +socket-buf-pool-high+ 3 "the most that ever were")
(defconstant +socket-buf-pool-allocated+ 4 "blocks that have memory now, in use or kept")
(defconstant +socket-buf-pool-taken+ 5 "how often a block was handed out")
(defconstant +socket-buf-pool-refused+ 6 "how often there was none: SOCKET_ENOBUFS")
(defconstant +socket-port-posted+ 1 "what SocketCompletionPort_post posted")
(defconstant +socket-port-accepted+ 2 "`fd` is the new connection, the caller's from now on")
(defconstant +socket-port-connected+ 3)
(defconstant +socket-port-received+ 4 "0 bytes of a stream: the peer will send no more")
(defconstant +socket-port-sent+ 5)
(defconstant +socket-port-file-sent+ 6)
(defconstant +socket-port-foreign+ 7 "begun without this library; `user` is its OVERLAPPED")
(defconstant +socket-dgram-max-batch+ 64 "datagrams that SocketDgram_set_batch lets one call receive")
(defconstant +socket-dgram-pull-batch+ 32 "datagrams of a socket that a wait gives at most, unless set")
(defconstant +socket-dgram-retry-ms+ 10 "SOCKET_DRAINED where the kernel cannot tell of room: see below")
(defconstant +socket-dgram-can-batch+ 1 "recvmmsg(2), sendmmsg(2)")
(defconstant +socket-dgram-can-segment+ 2 "UDP_SEGMENT, udp(7): GSO")
(defconstant +socket-dgram-can-gro+ 4 "UDP_GRO, udp(7)")
(defconstant +socket-dgram-can-tell-errors+ 8 "errors of unconnected sends: IP_RECVERR, ip(7)")
(defconstant +socket-dgram-can-abstract+ 16 "abstract unix names, unix(7)")
(defconstant +socket-ok+ 0)
(defconstant +socket-ebadhandle+ -1)
(defconstant +socket-ewrongthread+ -2)
(defconstant +socket-einval+ -3)
(defconstant +socket-enomem+ -4)
(defconstant +socket-enotsup+ -5)
(defconstant +socket-estate+ -6)
(defconstant +socket-ebusy+ -7)
(defconstant +socket-elimit+ -8)
(defconstant +socket-etimedout+ -9)
(defconstant +socket-ecanceled+ -10)
(defconstant +socket-estopped+ -11)
(defconstant +socket-eclosed+ -12)
(defconstant +socket-eaddress+ -13)
(defconstant +socket-eprotocol+ -14)
(defconstant +socket-eport+ -15)
(defconstant +socket-enoname+ -16)
(defconstant +socket-enameserver+ -17)
(defconstant +socket-etruncated+ -18)
(defconstant +socket-eagain+ -30)
(defconstant +socket-ebadf+ -31)
(defconstant +socket-eexist+ -32)
(defconstant +socket-enoent+ -33)
(defconstant +socket-eperm+ -34)
(defconstant +socket-eacces+ -35)
(defconstant +socket-emfile+ -36)
(defconstant +socket-enfile+ -37)
(defconstant +socket-enospc+ -38)
(defconstant +socket-enobufs+ -39)
(defconstant +socket-eaddrinuse+ -40)
(defconstant +socket-eaddrnotavail+ -41)
(defconstant +socket-eafnosupport+ -42)
(defconstant +socket-econnrefused+ -43)
(defconstant +socket-econnreset+ -44)
(defconstant +socket-econnaborted+ -45)
(defconstant +socket-epipe+ -46)
(defconstant +socket-enotconn+ -47)
(defconstant +socket-enetunreach+ -48)
(defconstant +socket-ehostunreach+ -49)
(defconstant +socket-enetdown+ -50)
(defconstant +socket-eloop+ -51)
(defconstant +socket-enotdir+ -52)
(defconstant +socket-eisdir+ -53)
(defconstant +socket-enametoolong+ -54)
(defconstant +socket-eio+ -55)
(defconstant +socket-emsgsize+ -56)
(defconstant +socket-etls+ -60)
(defconstant +socket-ealert+ -61)
(defconstant +socket-enocommon+ -62)
(defconstant +socket-ecutoff+ -63)
(defconstant +socket-ecert-expired+ -64)
(defconstant +socket-ecert-not-yet+ -65)
(defconstant +socket-ecert-issuer+ -66)
(defconstant +socket-ecert-name+ -67)
(defconstant +socket-ecert-revoked+ -68)
(defconstant +socket-ecert-pin+ -69)
(defconstant +socket-ecert-missing+ -70)
(defconstant +socket-ecert+ -71)
(defconstant +socket-ecredential+ -72)
(defconstant +socket-epassword+ -73)
(defconstant +socket-eunknown+ -99)
(defconstant +socket-http-max-head+ 65536 "bytes of a request's head; beyond: 431")
(defconstant +socket-http-max-target+ 8192 "bytes of a request's target; beyond: 414")
(defconstant +socket-http-max-fields+ 100 "header fields, at most 128; beyond: 431")
(defconstant +socket-http-max-body+ 1048576 "bytes of a request's body; beyond: 413")
(defconstant +socket-http-max-connections+ 100000)
(defconstant +socket-http-head-timeout-ms+ 10000 "from a head's first byte to its last; beyond: 408")
(defconstant +socket-http-body-timeout-ms+ 20000 "for a body, and a second more for each ...")
(defconstant +socket-http-body-rate+ 500 "... of these bytes that arrived; beyond: 408")
(defconstant +socket-http-idle-timeout-ms+ 75000 "without a request on an open connection: closed")
(defconstant +socket-http-write-timeout-ms+ 60000 "without the peer taking any output: closed")
(defconstant +socket-http-high-mark+ 1048576 "queued output at which SocketHTTP_write refuses")
(defconstant +socket-http-low-mark+ 262144 "queued output at which SOCKET_HTTP_DRAINED is told")
(defconstant +socket-http-listing+ 1 "a folder without index.html is answered with a page that lists it")
(defconstant +socket-limiter-max+ 2147483647 "bytes of a burst, at most; and KiB a second")
(defconstant +socket-listener-backlog+ 4096 "the kernel caps it at net.core.somaxconn")
(defconstant +socket-listener-max-connections+ 100000 "streams of one listener open at a time")
(defconstant +socket-listener-retry-ms+ 50 "how soon it tries again when out of descriptors")
(defconstant +socket-reuseport-off+ 0 "the default: SOCKET_EADDRINUSE where anybody listens")
(defconstant +socket-reuseport-share+ 1 "joins those that share the port, or is the first of them")
(defconstant +socket-reuseport-first+ 2 "SOCKET_EADDRINUSE where anybody listens; others join later")
(defconstant +socket-posted+ 1 "SocketLoop_post: user is what was posted")
(defconstant +socket-timer+ 2 "subject: the timer; length: expirations since the last report")
(defconstant +socket-ready+ 3 "subject: the watch; length: POLL_* bits that are ready")
(defconstant +socket-accepted+ 4 "subject: a new stream, yours to free; source: the listener")
(defconstant +socket-accept-stalled+ 5 "subject: the listener or server; status: why it cannot accept now")
(defconstant +socket-accept-resumed+ 6 "subject: the listener or server, which accepts again")
(defconstant +socket-connected+ 7 "subject: the stream")
(defconstant +socket-data+ 8 "subject: the stream; data, length: bytes received, length > 0")
(defconstant +socket-drained+ 9 "subject: the stream, whose queued output fell to the low mark")
(defconstant +socket-eof+ 10 "subject: the stream, whose peer sends no more; not an error")
(defconstant +socket-closed+ 11 "subject: the stream; status: 0 or why. The last event of a stream")
(defconstant +socket-completed+ 12 "subject: the future; the rest: SocketFuture.h")
(defconstant +socket-datagram+ 13 "subject: the socket; source: the sender; data, length, status")
(defconstant +socket-datagram-error+ 14 "subject: the socket; status: why one of ours was not delivered")
(defconstant +socket-progress+ 15 "subject: the pipeline; length: bytes it has moved so far")
(defconstant +socket-http-request+ 16 "subject: the exchange; source: the server")
(defconstant +socket-http-body+ 17 "subject: the exchange; data, length: bytes of the request's body")
(defconstant +socket-http-body-end+ 18 "subject: the exchange, whose request body is complete")
(defconstant +socket-http-drained+ 19 "subject: the exchange, whose queued output fell to the low mark")
(defconstant +socket-http-closed+ 20 "subject: the exchange, stale from here on; status: 0 or why")
(defconstant +socket-http-stopped+ 21 "subject: the server, drained or timed out (SOCKET_ETIMEDOUT)")
(defconstant +socket-finished+ 22 "subject: the pipeline; status: 0 or why; length: bytes it moved")
(defconstant +socket-stat-turns+ 0 "turns of the loop; each asks the kernel once")
(defconstant +socket-stat-waits+ 1 "turns that had nothing to do and might wait in the kernel")
(defconstant +socket-stat-wait-ns+ 2 "time spent in the kernel's waits: what is missing was work")
(defconstant +socket-stat-longest-ns+ 3 "the longest time from a wait's end to the next one's beginning")
(defconstant +socket-stat-pushed+ 4 "events that went to a SocketCallback_T")
(defconstant +socket-stat-pulled+ 5 "events that SocketLoop_wait handed out")
(defconstant +socket-stat-posts+ 6 "what other threads posted and this one took up")
(defconstant +socket-stat-timers+ 7 "deadlines that passed: timers, timeouts, retries")
(defconstant +socket-stat-descriptors+ 8 "now: descriptors in the kernel's set")
(defconstant +socket-stat-objects+ 9 "now: handles that stand on the loop, the library's own included")
(defconstant +socket-stat-received+ 10 "bytes that streams received, HTTP's included")
(defconstant +socket-stat-sent+ 11 "bytes that streams sent, HTTP's included; splice(2) aside")
(defconstant +socket-stat-tls-handshakes+ 12 "of listeners and servers: those that came to their end")
(defconstant +socket-stat-tls-failed+ 13 "and those that did not")
(defconstant +socket-stat-count+ 14 "how many there are")
(defconstant +socket-pipeline-high-mark+ 262144 "bytes that wait for the sink")
(defconstant +socket-pipeline-max-unit+ 1073741824 "the most that a framing transform can allow")
(defconstant +socket-file-replace+ 0 "it is emptied first")
(defconstant +socket-file-append+ 1 "open(2), O_APPEND")
(defconstant +socket-file-new+ 2 "SOCKET_EEXIST")
(defconstant +socket-can-unix-sockets+ 1 "streams and listeners at \"unix:/path\"")
(defconstant +socket-can-abstract-names+ 2 "\"unix:@name\"")
(defconstant +socket-can-pass-descriptors+ 4 "SocketStream_send_fds")
(defconstant +socket-can-peer-credentials+ 8 "SocketStream_get_peer_credentials")
(defconstant +socket-can-pipes+ 16 "streams over pipes, FIFOs and terminals")
(defconstant +socket-can-splice+ 32 "splices inside the kernel; copies elsewhere")
(defconstant +socket-can-send-file+ 64 "files sent from inside the kernel; copies elsewhere")
(defconstant +socket-can-share-port+ 128 "several listeners on one port share what comes")
(defconstant +socket-can-activation+ 256 "LISTEN_FDS, and successors that take sockets over")
(defconstant +socket-can-pin-threads+ 512 "workers that stay on a processor")
(defconstant +socket-can-completion-port+ 1024 "SocketCompletionPort.h does more than say SOCKET_ENOTSUP")
(defconstant +poll-read+ 1 "readable, or the end of the stream is")
(defconstant +poll-write+ 2 "writable, or a connect has ended")
(defconstant +poll-error+ 4 "an error is pending (SO_ERROR); reported unasked")
(defconstant +poll-hangup+ 8 "both directions have ended; reported unasked")
(defconstant +socket-poll-peer-closed+ 16 "the peer will send no more (EPOLLRDHUP); when asked for")
(defconstant +socket-poll-level+ 256 "repeat the event at every wait while the condition holds")
(defconstant +socket-poll-oneshot+ 512 "one event to one waiter, then nothing until mod re-arms")
(defconstant +socket-poll-exclusive+ 1024 "of several polls that watch the fd wake at least one, not all (EPOLLEXCLUSIVE); where the backend cannot, all wake")
(defconstant +socket-poll-can-edge+ 1 "edge-triggered means one event a change")
(defconstant +socket-poll-can-oneshot+ 2 "SOCKET_POLL_ONESHOT holds")
(defconstant +socket-poll-can-exclusive+ 4 "SOCKET_POLL_EXCLUSIVE avoids waking every poll")
(defconstant +socket-poll-can-peer-closed+ 8 "SOCKET_POLL_PEER_CLOSED is reported")
(defconstant +socket-poll-can-pollable-fd+ 16 "SocketPoll_get_fd has an fd to give")
(defconstant +socket-poll-timeout-infinite+ -1 "wait for as long as it takes")
(defconstant +socket-poll-timeout-use-default+ -2 "SocketPoll_getdefaulttimeout")
(defconstant +socket-family-any+ 0)
(defconstant +socket-family-ipv4+ 4)
(defconstant +socket-family-ipv6+ 6)
(defconstant +socket-resolver-threads+ 4 "lookups under way at a time")
(defconstant +socket-resolver-queue+ 256 "names that wait for a thread")
(defconstant +socket-resolver-cache-entries+ 256 "names that are remembered")
(defconstant +socket-resolver-cache-found-ms+ 30000 "for so long, as getaddrinfo(3) tells no TTL")
(defconstant +socket-resolver-cache-failed-ms+ 1000 "SOCKET_ENONAME, SOCKET_ENAMESERVER (RFC 9520)")
(defconstant +socket-simulation-min-delay-us+ 10 "how long what is sent is on its way")
(defconstant +socket-simulation-max-delay-us+ 2000)
(defconstant +socket-simulation-buffer+ 65536 "bytes on their way to, or unread by, one receiver")
(defconstant +socket-stream-high-mark+ 1048576 "bytes of queued output at which writes are refused")
(defconstant +socket-stream-low-mark+ 262144 "bytes at which SOCKET_DRAINED is reported")
(defconstant +socket-stream-max-send-fds+ 16 "descriptors of one SocketStream_send_fds")
(defconstant +socket-stream-max-fds+ 253 "the most that SocketStream_set_max_fds takes")
(defconstant +socket-stream-write-timeout-ms+ 60000)
(defconstant +socket-tls-no-certificate+ 0 "the client is not asked for one: the default")
(defconstant +socket-tls-optional-certificate+ 1 "asked for; none is fine, a bad one is not")
(defconstant +socket-tls-required-certificate+ 2 "nobody comes in without a good one")
(defconstant +socket-tls-handshake-timeout-ms+ 10000 "of a server; a client has its connect's timeout")
(defconstant +socket-tls-max-handshakes+ 1024 "under way at once, of a listener; default")
(defconstant +socket-tls-sessions+ 256 "that a client keeps, of so many servers; default")
(defconstant +socket-tls-ticket-key-bytes+ 80)
(defconstant +socket-tls-most-ticket-keys+ 16)
(defconstant +socket-tls-server-certificate+ 0)
(defconstant +socket-tls-client-certificate+ 1)
(defconstant +socket-tls-authority+ 2 "that signs others")
(defconstant +socket-tls-rsa+ 16 "added to one of these: a key of RSA-2048, not ECDSA P-256")
(defconstant +socket-tls-pem-bytes+ 8192)
(defconstant +socket-version-major+ 0)
(defconstant +socket-version-minor+ 1)
(defconstant +socket-version-patch+ 0)
(defconstant +socket-workers-max+ 1024)

(defconstant +socket-port-event-size+ 40)
(declaim (inline socket-port-event-key))
(defun socket-port-event-key (sap)
  (declare (type system-area-pointer sap))
  (sap-ref-64 sap 0))
(declaim (inline socket-port-event-operation))
(defun socket-port-event-operation (sap)
  (declare (type system-area-pointer sap))
  (signed-sap-ref-64 sap 8))
(declaim (inline socket-port-event-user))
(defun socket-port-event-user (sap)
  (declare (type system-area-pointer sap))
  (truly-the word (ldb (byte 62 0) (sap-ref-64 sap 16))))
(declaim (inline socket-port-event-bytes))
(defun socket-port-event-bytes (sap)
  (declare (type system-area-pointer sap))
  (sap-ref-32 sap 24))
(declaim (inline socket-port-event-error))
(defun socket-port-event-error (sap)
  (declare (type system-area-pointer sap))
  (signed-sap-ref-32 sap 28))
(declaim (inline socket-port-event-kind))
(defun socket-port-event-kind (sap)
  (declare (type system-area-pointer sap))
  (signed-sap-ref-32 sap 32))
(declaim (inline socket-port-event-fd))
(defun socket-port-event-fd (sap)
  (declare (type system-area-pointer sap))
  (signed-sap-ref-32 sap 36))

(defconstant +socket-completion-size+ 48)
(declaim (inline socket-completion-kind))
(defun socket-completion-kind (sap)
  (declare (type system-area-pointer sap))
  (signed-sap-ref-32 sap 0))
(declaim (inline socket-completion-status))
(defun socket-completion-status (sap)
  (declare (type system-area-pointer sap))
  (signed-sap-ref-32 sap 4))
(declaim (inline socket-completion-subject))
(defun socket-completion-subject (sap)
  (declare (type system-area-pointer sap))
  (truly-the word (ldb (byte 62 0) (sap-ref-64 sap 8))))
(declaim (inline socket-completion-source))
(defun socket-completion-source (sap)
  (declare (type system-area-pointer sap))
  (truly-the word (ldb (byte 62 0) (sap-ref-64 sap 16))))
(declaim (inline socket-completion-data))
(defun socket-completion-data (sap)
  (declare (type system-area-pointer sap))
  (sap-ref-sap sap 24))
(declaim (inline socket-completion-length))
(defun socket-completion-length (sap)
  (declare (type system-area-pointer sap))
  (signed-sap-ref-64 sap 32))
(declaim (inline socket-completion-user))
(defun socket-completion-user (sap)
  (declare (type system-area-pointer sap))
  (truly-the word (ldb (byte 62 0) (sap-ref-64 sap 40))))

(defconstant +socket-event-size+ 16)
(declaim (inline socket-event-fd))
(defun socket-event-fd (sap)
  (declare (type system-area-pointer sap))
  (signed-sap-ref-32 sap 0))
(declaim (inline socket-event-events))
(defun socket-event-events (sap)
  (declare (type system-area-pointer sap))
  (signed-sap-ref-32 sap 4))
(declaim (inline socket-event-data))
(defun socket-event-data (sap)
  (declare (type system-area-pointer sap))
  (sap-ref-sap sap 8))

(declaim (inline socket-async-sleep))
(defun socket-async-sleep (loop ms)
  "Completes after `ms` milliseconds, 0 or more, with the result 0."
  (truly-the word (alien-funcall (extern-alien "SocketAsync_sleep"
                               (function (unsigned 64) (unsigned 64) (signed 64)))
                 loop
                 ms)))

(declaim (inline socket-async-resolve))
(defun socket-async-resolve (loop name family timeout-ms)
  "Resolves a name, or a numeric address without a port, for `family` (enum SocketFamily). The result is how many addresses there are, at least 1: SocketResolver_get_address tells them. What happens with names is in SocketResolver.h. NULL with SOCKET_EADDRESS or SOCKET_ENAMETOOLONG as well. getaddrinfo(3)."
  (truly-the word (alien-funcall (extern-alien "SocketAsync_resolve"
                               (function (unsigned 64) (unsigned 64) (c-string :external-format :utf-8) (signed 32) (signed 32)))
                 loop
                 name
                 family
                 timeout-ms)))

(declaim (inline socket-async-connect))
(defun socket-async-connect (loop address timeout-ms)
  "Connects to an address, as SocketStream_connect does. The outcome's data is the stream, in pull delivery and not started; no SOCKET_CONNECTED is delivered."
  (truly-the word (alien-funcall (extern-alien "SocketAsync_connect"
                               (function (unsigned 64) (unsigned 64) (c-string :external-format :utf-8) (signed 32)))
                 loop
                 address
                 timeout-ms)))

(declaim (inline socket-async-accept))
(defun socket-async-accept (listener timeout-ms)
  "Takes the next connection of a listener that listens, the oldest that has not been delivered first. The outcome's data is the stream; no SOCKET_ACCEPTED is delivered for it."
  (truly-the word (alien-funcall (extern-alien "SocketAsync_accept"
                               (function (unsigned 64) (unsigned 64) (signed 32)))
                 listener
                 timeout-ms)))

(declaim (inline socket-async-read))
(defun socket-async-read (stream buffer capacity timeout-ms)
  "Receives what comes next, at least 1 and at most `capacity` bytes, straight into `buffer` (required, lent until the future ends). The result is how many; 0 at the end of the stream, now and ever after. recv(2)."
  (truly-the word (alien-funcall (extern-alien "SocketAsync_read"
                               (function (unsigned 64) (unsigned 64) system-area-pointer (signed 64) (signed 32)))
                 stream
                 buffer
                 capacity
                 timeout-ms)))

(declaim (inline socket-async-read-exactly))
(defun socket-async-read-exactly (stream buffer length timeout-ms)
  "Receives exactly `length` bytes. A result below that: the stream ended before."
  (truly-the word (alien-funcall (extern-alien "SocketAsync_read_exactly"
                               (function (unsigned 64) (unsigned 64) system-area-pointer (signed 64) (signed 32)))
                 stream
                 buffer
                 length
                 timeout-ms)))

(declaim (inline socket-async-read-until))
(defun socket-async-read-until (stream buffer capacity delimiter delimiter-length timeout-ms)
  "Receives up to and including the delimiter (1 to 16 bytes, copied). The result counts it; bytes behind it wait for the next operation or SocketStream_start. SOCKET_ENOBUFS: `capacity` bytes are there and no delimiter among them; they stay in the buffer. If the stream ends before it, the result is what came, without a delimiter at its end."
  (truly-the word (alien-funcall (extern-alien "SocketAsync_read_until"
                               (function (unsigned 64) (unsigned 64) system-area-pointer (signed 64) system-area-pointer (signed 32) (signed 32)))
                 stream
                 buffer
                 capacity
                 delimiter
                 delimiter-length
                 timeout-ms)))

(declaim (inline socket-async-write))
(defun socket-async-write (stream data length timeout-ms)
  "Sends `length` bytes of `data` (lent until the future ends) without copying them, behind what is queued already; ends when the kernel has taken the last one. The result is `length`. While it is under way SocketStream_write gives SOCKET_EBUSY. send(2)."
  (truly-the word (alien-funcall (extern-alien "SocketAsync_write"
                               (function (unsigned 64) (unsigned 64) system-area-pointer (signed 64) (signed 32)))
                 stream
                 data
                 length
                 timeout-ms)))

(declaim (inline socket-async-writev))
(defun socket-async-writev (stream data lengths count timeout-ms)
  "The same for `count` pieces in order (1 to 1024; the two arrays are copied, the pieces lent). sendmsg(2)."
  (truly-the word (alien-funcall (extern-alien "SocketAsync_writev"
                               (function (unsigned 64) (unsigned 64) system-area-pointer system-area-pointer (signed 32) (signed 32)))
                 stream
                 data
                 lengths
                 count
                 timeout-ms)))

(declaim (inline socket-async-receive-from))
(defun socket-async-receive-from (dgram buffer capacity timeout-ms)
  "Receives one datagram into `buffer` (required, lent until the future ends). The result is its length; SocketDgram_get_last_source tells who sent it. SOCKET_ETRUNCATED: it was longer than `capacity`, and what fits is there (SocketFuture_get_progress counts it). What the network says of a datagram sent earlier (SOCKET_ECONNREFUSED and the like, see SOCKET_DATAGRAM_ERROR) ends it as well. NULL with SOCKET_ESTATE for a socket that was started or has no address yet. One at a time. recvfrom(2)."
  (truly-the word (alien-funcall (extern-alien "SocketAsync_receive_from"
                               (function (unsigned 64) (unsigned 64) system-area-pointer (signed 64) (signed 32)))
                 dgram
                 buffer
                 capacity
                 timeout-ms)))

(declaim (inline socket-async-send-to))
(defun socket-async-send-to (dgram address data length timeout-ms)
  "Sends one datagram to `address`, or to the connected peer if address is NULL, as soon as there is room for it; `data` is lent until the future ends. The result is `length`. What is wrong with the address gives NULL, as SocketDgram_send_to says. One at a time. sendto(2)."
  (truly-the word (alien-funcall (extern-alien "SocketAsync_send_to"
                               (function (unsigned 64) (unsigned 64) (c-string :external-format :utf-8) system-area-pointer (signed 64) (signed 32)))
                 dgram
                 address
                 data
                 length
                 timeout-ms)))

(declaim (inline socket-async-read-buf))
(defun socket-async-read-buf (stream buf timeout-ms)
  "SocketAsync_read into the writable room of a buffer, which grows as by SocketBuf_reserve for 1 byte if it has none. What came is readable when the future ends, however it ends; the outcome's data is the buffer's handle. The operation holds the buffer as SocketBuf.h says; SOCKET_ELIMIT or SOCKET_ENOBUFS: no room."
  (truly-the word (alien-funcall (extern-alien "SocketAsync_read_buf"
                               (function (unsigned 64) (unsigned 64) (unsigned 64) (signed 32)))
                 stream
                 buf
                 timeout-ms)))

(declaim (inline socket-async-write-buf))
(defun socket-async-write-buf (stream buf timeout-ms)
  "SocketAsync_write of what is readable in a buffer when this is called. What went is taken from it when the future ends, however it ends: after a cancellation the rest is still readable."
  (truly-the word (alien-funcall (extern-alien "SocketAsync_write_buf"
                               (function (unsigned 64) (unsigned 64) (unsigned 64) (signed 32)))
                 stream
                 buf
                 timeout-ms)))

(declaim (inline socket-async-splice))
(defun socket-async-splice (from to length timeout-ms)
  "Moves `length` bytes, or, with -1, all up to the end of the stream, from one stream of a loop to another, or back to the same, without the program. It takes the place of the source's reading operation and of the destination's writing one, and it ends when the destination's kernel has taken the last byte. The end of the source ends it well, with fewer bytes if need be, and does not shut the destination down. The result is how many bytes were moved.  More is taken from the source only when the destination's kernel has all that was taken before, so a slow destination slows the source down. The bytes go through a pipe inside the kernel where both streams are sockets of its own (splice(2); a few pipes a loop are kept while in use, and closed after 5 seconds without), and are copied through the loop's memory otherwise: the same result either way.  Nothing that has left the source is lost unless the destination breaks. SocketFuture_get_progress counts what has left the source. All of that is sent, or queued at the destination (SocketStream_get_queued) and goes out like anything written there, also when the splice is canceled or times out or the source fails; the next byte of the source is the next one that is read from it. When the destination fails or is freed, SocketFuture_get_lost counts what was taken and will never go. NULL with SOCKET_EINVAL (length < -1, two loops) and what is said above."
  (truly-the word (alien-funcall (extern-alien "SocketAsync_splice"
                               (function (unsigned 64) (unsigned 64) (unsigned 64) (signed 64) (signed 32)))
                 from
                 to
                 length
                 timeout-ms)))

(declaim (inline socket-async-send-file))
(defun socket-async-send-file (stream fd offset length timeout-ms)
  "Sends `length` bytes of an open file from `offset` on, or, with -1, all up to its end, where it ends when that is reached, behind what is queued already; as a writing operation of the stream. The file is duplicated: closing `fd` meanwhile is allowed, and its position is not used. The result is how many bytes were sent; SOCKET_EIO if the file ends before `length` bytes, or what reading it gave, none of which harms the stream. Canceled, it has sent what SocketFuture_get_progress says, and nothing more goes. sendfile(2), in pieces of at most 1 MiB a turn of the loop, which waits for the disk meanwhile; copied where the kernel cannot. NULL with SOCKET_EINVAL (a negative offset, length < -1), SOCKET_EBADF, SOCKET_EISDIR, SOCKET_ENOTSUP (a FIFO or a socket) and what is said above."
  (truly-the word (alien-funcall (extern-alien "SocketAsync_send_file"
                               (function (unsigned 64) (unsigned 64) (signed 32) (signed 64) (signed 64) (signed 32)))
                 stream
                 fd
                 offset
                 length
                 timeout-ms)))

(declaim (inline socket-buf-new))
(defun socket-buf-new (capacity)
  "An empty buffer with room for `capacity` bytes; 0: memory is taken when the first bytes come. Its limit is SOCKET_BUF_LIMIT, or `capacity` where that is more. The caller frees it. NULL with SOCKET_EINVAL (negative or over SOCKET_BUF_MAX), SOCKET_ENOMEM, or SOCKET_ELIMIT (no handle is left)."
  (truly-the word (alien-funcall (extern-alien "SocketBuf_new"
                               (function (unsigned 64) (signed 64)))
                 capacity)))

(declaim (inline socket-buf-new-ref))
(defun socket-buf-new-ref (data length release user)
  "A buffer whose readable bytes are the caller's own, `length` bytes at `data`, which must stay as they are until `release (data, user)` is called: once, when the last buffer or operation that looks at them has gone, by the thread that ended it, and from inside that call. It must not use the buffer that the call is about. `release` NULL: the memory lives for ever. Adding copies. The caller frees the buffer. NULL with SOCKET_EINVAL, SOCKET_ENOMEM or SOCKET_ELIMIT; `release` is not called then."
  (truly-the word (alien-funcall (extern-alien "SocketBuf_new_ref"
                               (function (unsigned 64) system-area-pointer (signed 64) system-area-pointer (unsigned 64)))
                 data
                 length
                 release
                 user)))

(declaim (inline socket-buf-slice))
(defun socket-buf-slice (buf offset length)
  "A new buffer that shares `length` readable bytes from `offset` on with this one, and has its limit and its pool. Taking and freeing either does nothing to the other. The caller frees it. NULL with SOCKET_EAGAIN (not all of them are readable), SOCKET_EINVAL, SOCKET_ENOMEM or SOCKET_ELIMIT."
  (truly-the word (alien-funcall (extern-alien "SocketBuf_slice"
                               (function (unsigned 64) (unsigned 64) (signed 64) (signed 64)))
                 buf
                 offset
                 length)))

(declaim (inline socket-buf-free))
(defun socket-buf-free (buf)
  "Frees the buffer, and its block if nothing else is using it. NULL accepted; the variable is nulled."
  (alien-funcall (extern-alien "SocketBuf_free"
                               (function void system-area-pointer))
                 buf))

(declaim (inline socket-buf-get-data))
(defun socket-buf-get-data (buf)
  "The first readable byte; the others follow it in one piece. Never NULL for a live buffer."
  (alien-funcall (extern-alien "SocketBuf_get_data"
                               (function system-area-pointer (unsigned 64)))
                 buf))

(declaim (inline socket-buf-get-readable))
(defun socket-buf-get-readable (buf)
  "How many bytes are readable, how many can be added without moving or taking memory, and how large the block is that the buffer keeps alive (0: none yet)."
  (alien-funcall (extern-alien "SocketBuf_get_readable"
                               (function (signed 64) (unsigned 64)))
                 buf))

(declaim (inline socket-buf-get-writable))
(defun socket-buf-get-writable (buf)
  "How many bytes are readable, how many can be added without moving or taking memory, and how large the block is that the buffer keeps alive (0: none yet)."
  (alien-funcall (extern-alien "SocketBuf_get_writable"
                               (function (signed 64) (unsigned 64)))
                 buf))

(declaim (inline socket-buf-get-capacity))
(defun socket-buf-get-capacity (buf)
  "How many bytes are readable, how many can be added without moving or taking memory, and how large the block is that the buffer keeps alive (0: none yet)."
  (alien-funcall (extern-alien "SocketBuf_get_capacity"
                               (function (signed 64) (unsigned 64)))
                 buf))

(declaim (inline socket-buf-set-limit))
(defun socket-buf-set-limit (buf bytes)
  "The largest block that the buffer may grow to, in bytes. A limit below the present capacity only keeps it from growing. 0, or SOCKET_EINVAL (negative or over SOCKET_BUF_MAX)."
  (alien-funcall (extern-alien "SocketBuf_set_limit"
                               (function (signed 32) (unsigned 64) (signed 64)))
                 buf
                 bytes))

(declaim (inline socket-buf-get-limit))
(defun socket-buf-get-limit (buf)
  "The largest block that the buffer may grow to, in bytes. A limit below the present capacity only keeps it from growing. 0, or SOCKET_EINVAL (negative or over SOCKET_BUF_MAX)."
  (alien-funcall (extern-alien "SocketBuf_get_limit"
                               (function (signed 64) (unsigned 64)))
                 buf))

(declaim (inline socket-buf-reserve))
(defun socket-buf-reserve (buf length)
  "Makes room for at least `length` (1 or more) bytes and returns where to write them; they count when SocketBuf_commit is called. NULL with SOCKET_EINVAL, SOCKET_ELIMIT (the limit), SOCKET_ENOMEM, or SOCKET_ENOBUFS (a buffer of a pool needs another block, and the pool has none)."
  (alien-funcall (extern-alien "SocketBuf_reserve"
                               (function system-area-pointer (unsigned 64) (signed 64)))
                 buf
                 length))

(declaim (inline socket-buf-commit))
(defun socket-buf-commit (buf length)
  "Makes the first `length` bytes of the writable room readable. 0, or SOCKET_EINVAL (more than SocketBuf_get_writable)."
  (alien-funcall (extern-alien "SocketBuf_commit"
                               (function (signed 32) (unsigned 64) (signed 64)))
                 buf
                 length))

(declaim (inline socket-buf-write))
(defun socket-buf-write (buf data length)
  "Appends a copy of `length` bytes, which may be the buffer's own. 0; errors as for SocketBuf_reserve."
  (alien-funcall (extern-alien "SocketBuf_write"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 64)))
                 buf
                 data
                 length))

(declaim (inline socket-buf-put-u8))
(defun socket-buf-put-u8 (buf value)
  "Appends a number in network order, the highest byte first. 0; errors as for SocketBuf_reserve."
  (alien-funcall (extern-alien "SocketBuf_put_u8"
                               (function (signed 32) (unsigned 64) (unsigned 8)))
                 buf
                 value))

(declaim (inline socket-buf-put-u16))
(defun socket-buf-put-u16 (buf value)
  "Appends a number in network order, the highest byte first. 0; errors as for SocketBuf_reserve."
  (alien-funcall (extern-alien "SocketBuf_put_u16"
                               (function (signed 32) (unsigned 64) (unsigned 16)))
                 buf
                 value))

(declaim (inline socket-buf-put-u32))
(defun socket-buf-put-u32 (buf value)
  "Appends a number in network order, the highest byte first. 0; errors as for SocketBuf_reserve."
  (alien-funcall (extern-alien "SocketBuf_put_u32"
                               (function (signed 32) (unsigned 64) (unsigned 32)))
                 buf
                 value))

(declaim (inline socket-buf-put-u64))
(defun socket-buf-put-u64 (buf value)
  "Appends a number in network order, the highest byte first. 0; errors as for SocketBuf_reserve."
  (alien-funcall (extern-alien "SocketBuf_put_u64"
                               (function (signed 32) (unsigned 64) (unsigned 64)))
                 buf
                 value))

(declaim (inline socket-buf-peek))
(defun socket-buf-peek (buf offset into capacity)
  "Copies up to `capacity` readable bytes from `offset` on into `into`, and leaves them where they are. How many: 0 at the end and behind it. SOCKET_EINVAL."
  (alien-funcall (extern-alien "SocketBuf_peek"
                               (function (signed 64) (unsigned 64) (signed 64) system-area-pointer (signed 64)))
                 buf
                 offset
                 into
                 capacity))

(declaim (inline socket-buf-find))
(defun socket-buf-find (buf data length from)
  "The offset of the first place at or after offset `from` where the `length` (1 or more) bytes of `data` are readable. SOCKET_ENOENT where there is none; when more bytes have come, the search may go on `length` - 1 bytes before the end of what it had looked at. SOCKET_EINVAL."
  (alien-funcall (extern-alien "SocketBuf_find"
                               (function (signed 64) (unsigned 64) system-area-pointer (signed 64) (signed 64)))
                 buf
                 data
                 length
                 from))

(declaim (inline socket-buf-read))
(defun socket-buf-read (buf into capacity)
  "Moves up to `capacity` readable bytes into `into`. How many: 0 when none is readable. SOCKET_EINVAL."
  (alien-funcall (extern-alien "SocketBuf_read"
                               (function (signed 64) (unsigned 64) system-area-pointer (signed 64)))
                 buf
                 into
                 capacity))

(declaim (inline socket-buf-consume))
(defun socket-buf-consume (buf length)
  "Drops the first `length` readable bytes. 0, SOCKET_EAGAIN or SOCKET_EINVAL."
  (alien-funcall (extern-alien "SocketBuf_consume"
                               (function (signed 32) (unsigned 64) (signed 64)))
                 buf
                 length))

(declaim (inline socket-buf-rewind))
(defun socket-buf-rewind (buf length)
  "Makes the last `length` bytes that were taken readable again, if nothing was added or moved since. 0, or SOCKET_EINVAL (more than are still there)."
  (alien-funcall (extern-alien "SocketBuf_rewind"
                               (function (signed 32) (unsigned 64) (signed 64)))
                 buf
                 length))

(declaim (inline socket-buf-get-u8))
(defun socket-buf-get-u8 (buf)
  "Takes a number in network order, and returns it: never negative, so that a negative number is an error. SOCKET_EAGAIN."
  (alien-funcall (extern-alien "SocketBuf_get_u8"
                               (function (signed 32) (unsigned 64)))
                 buf))

(declaim (inline socket-buf-get-u16))
(defun socket-buf-get-u16 (buf)
  "Takes a number in network order, and returns it: never negative, so that a negative number is an error. SOCKET_EAGAIN."
  (alien-funcall (extern-alien "SocketBuf_get_u16"
                               (function (signed 32) (unsigned 64)))
                 buf))

(declaim (inline socket-buf-get-u32))
(defun socket-buf-get-u32 (buf)
  "Takes a number in network order, and returns it: never negative, so that a negative number is an error. SOCKET_EAGAIN."
  (alien-funcall (extern-alien "SocketBuf_get_u32"
                               (function (signed 64) (unsigned 64)))
                 buf))

(declaim (inline socket-buf-get-u64))
(defun socket-buf-get-u64 (buf value)
  "The same for 64 bits, into *value (required): no sign is left for an error. 0, SOCKET_EAGAIN, or SOCKET_EINVAL (NULL)."
  (alien-funcall (extern-alien "SocketBuf_get_u64"
                               (function (signed 32) (unsigned 64) system-area-pointer))
                 buf
                 value))

(declaim (inline socket-buf-clear))
(defun socket-buf-clear (buf)
  "Drops all that is readable and, where nobody shares the block, has all of it as room again. 0."
  (alien-funcall (extern-alien "SocketBuf_clear"
                               (function (signed 32) (unsigned 64)))
                 buf))

(declaim (inline socket-buf-compact))
(defun socket-buf-compact (buf)
  "Gives up what was consumed: moves the readable bytes to the front of the block or, where it is shared or the caller's, to a new one of just their size, so that a small slice no longer keeps a large block alive. 0; errors as for SocketBuf_reserve."
  (alien-funcall (extern-alien "SocketBuf_compact"
                               (function (signed 32) (unsigned 64)))
                 buf))

(declaim (inline socket-buf-pool-new))
(defun socket-buf-pool-new (size count)
  "A pool of at most `count` blocks of `size` bytes, each allocated when it is first needed and kept for the next user. The caller frees it. NULL with SOCKET_EINVAL (less than 1, or a size over SOCKET_BUF_MAX), SOCKET_ENOMEM or SOCKET_ELIMIT."
  (truly-the word (alien-funcall (extern-alien "SocketBufPool_new"
                               (function (unsigned 64) (signed 64) (signed 64)))
                 size
                 count)))

(declaim (inline socket-buf-pool-free))
(defun socket-buf-pool-free (pool)
  "Frees the pool and the blocks that nobody uses. The others go when their last user has. NULL accepted; the variable is nulled."
  (alien-funcall (extern-alien "SocketBufPool_free"
                               (function void system-area-pointer))
                 pool))

(declaim (inline socket-buf-pool-take))
(defun socket-buf-pool-take (pool)
  "An empty buffer on a block of the pool, to be freed with SocketBuf_free. The block is the pool's again when the buffer, its slices and the operations that use them are gone. The buffer's limit is the pool's size: it stays in its block, and where sharing makes it need another one, that comes from the pool as well. A higher limit lets it grow outside of the pool. NULL with SOCKET_ENOBUFS (all are in use), SOCKET_ENOMEM or SOCKET_ELIMIT."
  (truly-the word (alien-funcall (extern-alien "SocketBufPool_take"
                               (function (unsigned 64) (unsigned 64)))
                 pool)))

(declaim (inline socket-buf-pool-trim))
(defun socket-buf-pool-trim (pool)
  "Gives the memory of blocks that nobody uses back to the system. How many bytes that was."
  (alien-funcall (extern-alien "SocketBufPool_trim"
                               (function (signed 64) (unsigned 64)))
                 pool))

(declaim (inline socket-buf-pool-get-stat))
(defun socket-buf-pool-get-stat (pool which)
  "One of these numbers; SOCKET_EINVAL for any other `which`."
  (alien-funcall (extern-alien "SocketBufPool_get_stat"
                               (function (signed 64) (unsigned 64) (signed 32)))
                 pool
                 which))

(declaim (inline socket-completion-port-new))
(defun socket-completion-port-new (concurrency)
  "A port. `concurrency`: how many of the threads that wait on it the system lets run at a time; 0 is one a processor. The caller frees it. NULL: SOCKET_ENOTSUP, SOCKET_EINVAL (negative), SOCKET_ENOMEM. See CreateIoCompletionPort."
  (truly-the word (alien-funcall (extern-alien "SocketCompletionPort_new"
                               (function (unsigned 64) (signed 32)))
                 concurrency)))

(declaim (inline socket-completion-port-free))
(defun socket-completion-port-free (port)
  "Ends *port and sets it to NULL; NULL, or a variable that holds NULL, is accepted. What is under way is cancelled and has let go of its buffers when this returns; its events are lost. Threads blocked in a wait return SOCKET_EBADHANDLE. Nothing may be under way on an associated handle that was begun without this library. Descriptors stay open."
  (alien-funcall (extern-alien "SocketCompletionPort_free"
                               (function void system-area-pointer))
                 port))

(declaim (inline socket-completion-port-associate))
(defun socket-completion-port-associate (port fd key)
  "From now on what is begun on `fd` ends in this port with this key. A handle has one port for all its life; a number that was closed and is open again has to be associated again. 0, or SOCKET_EBADF, SOCKET_EEXIST (it has a port), SOCKET_ENOMEM. See CreateIoCompletionPort."
  (alien-funcall (extern-alien "SocketCompletionPort_associate"
                               (function (signed 32) (unsigned 64) (signed 32) (unsigned 64)))
                 port
                 fd
                 key))

(declaim (inline socket-completion-port-wait))
(defun socket-completion-port-wait (port events capacity timeout-ms)
  "Waits until something has ended and writes up to `capacity` events to `events`. `timeout_ms`: 0 looks and returns, -1 waits for as long as it takes. How many were written; 0 once the time is up. SOCKET_EINVAL (`events` NULL, `capacity` below 1, `timeout_ms` below -1), SOCKET_ENOMEM, SOCKET_EBADHANDLE (the port was freed meanwhile). See GetQueuedCompletionStatusEx."
  (alien-funcall (extern-alien "SocketCompletionPort_wait"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 32) (signed 32)))
                 port
                 events
                 capacity
                 timeout-ms))

(declaim (inline socket-completion-port-wait-one))
(defun socket-completion-port-wait-one (port event timeout-ms)
  "The same for one event: 1, 0 or an error."
  (alien-funcall (extern-alien "SocketCompletionPort_wait_one"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 32)))
                 port
                 event
                 timeout-ms))

(declaim (inline socket-completion-port-post))
(defun socket-completion-port-post (port key bytes user)
  "Makes an event of the program's own: one wait returns it. 0 or SOCKET_ENOMEM. See PostQueuedCompletionStatus."
  (alien-funcall (extern-alien "SocketCompletionPort_post"
                               (function (signed 32) (unsigned 64) (unsigned 64) (unsigned 32) (unsigned 64)))
                 port
                 key
                 bytes
                 user))

(declaim (inline socket-completion-port-accept))
(defun socket-completion-port-accept (port listener user)
  "Accepts one connection of a listening stream socket; the event's `fd` is its socket, which is not associated yet. SOCKET_EINVAL: it does not listen. See AcceptEx."
  (alien-funcall (extern-alien "SocketCompletionPort_accept"
                               (function (signed 64) (unsigned 64) (signed 32) (unsigned 64)))
                 port
                 listener
                 user))

(declaim (inline socket-completion-port-connect))
(defun socket-completion-port-connect (port fd address user)
  "Connects a stream socket to \"192.0.2.1:80\" or \"[2001:db8::1]:80\", binding it first if it is not bound. SOCKET_EINVAL: not such an address. See ConnectEx."
  (alien-funcall (extern-alien "SocketCompletionPort_connect"
                               (function (signed 64) (unsigned 64) (signed 32) (c-string :external-format :utf-8) (unsigned 64)))
                 port
                 fd
                 address
                 user))

(declaim (inline socket-completion-port-receive))
(defun socket-completion-port-receive (port fd buffer length user)
  "Receives up to `length` bytes, or one datagram, which ends with SOCKET_EMSGSIZE where it is longer. SOCKET_EINVAL: `buffer` NULL and `length` not 0. See WSARecv."
  (alien-funcall (extern-alien "SocketCompletionPort_receive"
                               (function (signed 64) (unsigned 64) (signed 32) system-area-pointer (unsigned 32) (unsigned 64)))
                 port
                 fd
                 buffer
                 length
                 user))

(declaim (inline socket-completion-port-send))
(defun socket-completion-port-send (port fd buffer length user)
  "Sends all `length` bytes, or one datagram. SOCKET_EINVAL as above. See WSASend."
  (alien-funcall (extern-alien "SocketCompletionPort_send"
                               (function (signed 64) (unsigned 64) (signed 32) system-area-pointer (unsigned 32) (unsigned 64)))
                 port
                 fd
                 buffer
                 length
                 user))

(declaim (inline socket-completion-port-receive-from))
(defun socket-completion-port-receive-from (port fd buffer length sender sender-size user)
  "Receives one datagram. `sender`, which may be NULL, has room for `sender_size` characters and must stay as long as the buffer; the sender's address is written to it as connect takes it, cut off where it does not fit (64 are always enough). SOCKET_EINVAL as above, and for a negative `sender_size`. See WSARecvFrom."
  (alien-funcall (extern-alien "SocketCompletionPort_receive_from"
                               (function (signed 64) (unsigned 64) (signed 32) system-area-pointer (unsigned 32) system-area-pointer (signed 32) (unsigned 64)))
                 port
                 fd
                 buffer
                 length
                 sender
                 sender-size
                 user))

(declaim (inline socket-completion-port-send-to))
(defun socket-completion-port-send-to (port fd buffer length address user)
  "Sends one datagram to an address as connect takes it. SOCKET_EINVAL as above. See WSASendTo."
  (alien-funcall (extern-alien "SocketCompletionPort_send_to"
                               (function (signed 64) (unsigned 64) (signed 32) system-area-pointer (unsigned 32) (c-string :external-format :utf-8) (unsigned 64)))
                 port
                 fd
                 buffer
                 length
                 address
                 user))

(declaim (inline socket-completion-port-transmit-file))
(defun socket-completion-port-transmit-file (port fd file offset length user)
  "Sends `length` bytes of the open file `file` from `offset` on over a stream socket, at most 2147483646; 0 is all from there on. `file` must stay open until the event. SOCKET_EINVAL: too many. Windows that are no servers carry out two at a time. See TransmitFile."
  (alien-funcall (extern-alien "SocketCompletionPort_transmit_file"
                               (function (signed 64) (unsigned 64) (signed 32) (signed 32) (unsigned 64) (unsigned 32) (unsigned 64)))
                 port
                 fd
                 file
                 offset
                 length
                 user))

(declaim (inline socket-completion-port-cancel))
(defun socket-completion-port-cancel (port operation)
  "Asks an operation to end soon; it may yet succeed. Its event comes in either case. 0, or SOCKET_ENOENT (it has ended, or never was). See CancelIoEx."
  (alien-funcall (extern-alien "SocketCompletionPort_cancel"
                               (function (signed 32) (unsigned 64) (signed 64)))
                 port
                 operation))

(declaim (inline socket-completion-port-cancel-all))
(defun socket-completion-port-cancel-all (port fd)
  "The same for all that was begun on `fd` through this port: how many. SOCKET_EBADF (not an fd)."
  (alien-funcall (extern-alien "SocketCompletionPort_cancel_all"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 port
                 fd))

(declaim (inline socket-dgram-new))
(defun socket-dgram-new (loop)
  "A socket without a family yet. The caller frees it; freeing the loop does so as well. NULL with SOCKET_ENOMEM."
  (truly-the word (alien-funcall (extern-alien "SocketDgram_new"
                               (function (unsigned 64) (unsigned 64)))
                 loop)))

(declaim (inline socket-dgram-free))
(defun socket-dgram-free (dgram)
  "Closes it and frees the handle; datagrams not delivered yet are dropped. The file that a unix path was bound to stays. NULL accepted; the variable is nulled."
  (alien-funcall (extern-alien "SocketDgram_free"
                               (function void system-area-pointer))
                 dgram))

(declaim (inline socket-dgram-set-callback))
(defun socket-dgram-set-callback (dgram callback user)
  "The socket's events go to `callback` with `user` (kept, not touched), or are pulled with `user` if callback is NULL."
  (alien-funcall (extern-alien "SocketDgram_set_callback"
                               (function (signed 32) (unsigned 64) system-area-pointer (unsigned 64)))
                 dgram
                 callback
                 user))

(declaim (inline socket-dgram-bind))
(defun socket-dgram-bind (dgram address)
  "Binds to a local address; port 0 picks a free one. 0, SOCKET_ESTATE once it has a socket (it was bound, connected, or has sent), SOCKET_EADDRINUSE (a unix path that exists among them), SOCKET_EADDRNOTAVAIL, SOCKET_EACCES, SOCKET_EINVAL (NULL), SOCKET_ENOENT or SOCKET_ENOTDIR (the path's folder), and what is said above of addresses and sockets. bind(2)."
  (alien-funcall (extern-alien "SocketDgram_bind"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8)))
                 dgram
                 address))

(declaim (inline socket-dgram-connect))
(defun socket-dgram-connect (dgram address)
  "Makes `address` the one peer that the socket sends to and receives from; what others have sent before that may still be delivered. Again: another peer. NULL: anybody again, 0 as well if it was not connected. 0, SOCKET_ENETUNREACH, SOCKET_EACCES, SOCKET_ENOENT or SOCKET_ECONNREFUSED (nobody is bound to the unix name), and what is said above of addresses and sockets; the socket is then as before. connect(2)."
  (alien-funcall (extern-alien "SocketDgram_connect"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8)))
                 dgram
                 address))

(declaim (inline socket-dgram-start))
(defun socket-dgram-start (dgram)
  "Starts to receive, as soon as there is a socket; after SocketDgram_pause goes on. 0, or SOCKET_EBUSY while SocketAsync_receive_from is under way."
  (alien-funcall (extern-alien "SocketDgram_start"
                               (function (signed 32) (unsigned 64)))
                 dgram))

(declaim (inline socket-dgram-pause))
(defun socket-dgram-pause (dgram)
  "Stops receiving: datagrams wait in the kernel's buffer, and are lost once that is full. Those of a batch that was received already are still delivered. 0."
  (alien-funcall (extern-alien "SocketDgram_pause"
                               (function (signed 32) (unsigned 64)))
                 dgram))

(declaim (inline socket-dgram-send))
(defun socket-dgram-send (dgram data length)
  "Sends one datagram of `length` bytes, 0 included, to the connected peer. `data` is not needed after the call. 0, SOCKET_ENOTCONN unless connected, SOCKET_ECONNREFUSED and the like for what became of an earlier datagram (this one was not sent), and what is said above of sending."
  (alien-funcall (extern-alien "SocketDgram_send"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 64)))
                 dgram
                 data
                 length))

(declaim (inline socket-dgram-send-to))
(defun socket-dgram-send-to (dgram address data length)
  "The same to `address`. 0, SOCKET_ESTATE if the socket is connected, SOCKET_EINVAL (NULL), and what is said above of sending, addresses and sockets."
  (alien-funcall (extern-alien "SocketDgram_send_to"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8) system-area-pointer (signed 64)))
                 dgram
                 address
                 data
                 length))

(declaim (inline socket-dgram-reply))
(defun socket-dgram-reply (dgram source data length)
  "The same to the one that the token `source` stands for. 0, SOCKET_EBADHANDLE (the token is not valid), SOCKET_ENOTCONN (a unix socket without a name), SOCKET_ESTATE (connected by now, to another one), and what is said above of sending."
  (alien-funcall (extern-alien "SocketDgram_reply"
                               (function (signed 32) (unsigned 64) (unsigned 64) system-area-pointer (signed 64)))
                 dgram
                 source
                 data
                 length))

(declaim (inline socket-dgram-get-sender))
(defun socket-dgram-get-sender (dgram source out capacity)
  "Writes the address that the token `source` stands for, with a final NUL, into `out` (required, yours), in the form that SocketDgram_send_to takes, and returns its length. SOCKET_EBADHANDLE (the token is not valid), SOCKET_ENOTCONN (a unix socket without a name), SOCKET_EINVAL if capacity is too small (128 is enough)."
  (alien-funcall (extern-alien "SocketDgram_get_sender"
                               (function (signed 32) (unsigned 64) (unsigned 64) system-area-pointer (signed 32)))
                 dgram
                 source
                 out
                 capacity))

(declaim (inline socket-dgram-get-last-source))
(defun socket-dgram-get-last-source (dgram)
  "The token of whoever sent what SocketAsync_receive_from received last, or to whom what it was told of had gone: valid until the next one begins. NULL with SOCKET_ESTATE if there is none."
  (alien-funcall (extern-alien "SocketDgram_get_last_source"
                               (function system-area-pointer (unsigned 64)))
                 dgram))

(declaim (inline socket-dgram-set-batch))
(defun socket-dgram-set-batch (dgram count bytes-each)
  "Receives up to `count` datagrams by one system call, each into `bytes_each` bytes of its own: longer ones are cut. They are still delivered one by one. count 0, the default: one call for each datagram, and room for any of 64 KiB. The memory, twice count * bytes_each with pull delivery, is taken when it is first needed. Takes effect with the next call that receives. SOCKET_EINVAL unless 0 <= count <= SOCKET_DGRAM_MAX_BATCH and 1 <= bytes_each <= 1048576 (any if count is 0)."
  (alien-funcall (extern-alien "SocketDgram_set_batch"
                               (function (signed 32) (unsigned 64) (signed 32) (signed 32)))
                 dgram
                 count
                 bytes-each))

(declaim (inline socket-dgram-send-batch))
(defun socket-dgram-send-batch (dgram address data lengths count)
  "Sends `count` datagrams, data[i] of lengths[i] bytes, in order, to `address`, or to the connected peer if address is NULL, by one system call for 64. Returns how many went: fewer than count if the next one met an error, which sending it again will tell; SOCKET_DRAINED follows if that was SOCKET_EAGAIN. If the first met one, that error, as of SocketDgram_send and SocketDgram_send_to. SOCKET_EINVAL for a negative count, or NULL arrays with a count."
  (alien-funcall (extern-alien "SocketDgram_send_batch"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8) system-area-pointer system-area-pointer (signed 32)))
                 dgram
                 address
                 data
                 lengths
                 count))

(declaim (inline socket-dgram-reply-batch))
(defun socket-dgram-reply-batch (dgram sources data lengths count)
  "The same, each to the one that the token sources[i] stands for; errors as of SocketDgram_reply."
  (alien-funcall (extern-alien "SocketDgram_reply_batch"
                               (function (signed 32) (unsigned 64) system-area-pointer system-area-pointer system-area-pointer (signed 32)))
                 dgram
                 sources
                 data
                 lengths
                 count))

(declaim (inline socket-dgram-send-segments))
(defun socket-dgram-send-segments (dgram address data length segment-size)
  "Sends `length` bytes as datagrams of `segment_size` bytes, the last one perhaps shorter, to `address`, or to the connected peer if address is NULL: 64 of them a system call and a walk through the kernel's stack where SOCKET_DGRAM_CAN_SEGMENT, by a loop where not or where the path allows no such segments. Returns the bytes that went, in whole segments, and stops early as SocketDgram_send_batch does. length 0 sends nothing. SOCKET_EINVAL unless 1 <= segment_size <= 65507, or for a negative length."
  (alien-funcall (extern-alien "SocketDgram_send_segments"
                               (function (signed 64) (unsigned 64) (c-string :external-format :utf-8) system-area-pointer (signed 64) (signed 32)))
                 dgram
                 address
                 data
                 length
                 segment-size))

(declaim (inline socket-dgram-reply-segments))
(defun socket-dgram-reply-segments (dgram source data length segment-size)
  "The same to the one that the token `source` stands for; errors as of SocketDgram_reply."
  (alien-funcall (extern-alien "SocketDgram_reply_segments"
                               (function (signed 64) (unsigned 64) (unsigned 64) system-area-pointer (signed 64) (signed 32)))
                 dgram
                 source
                 data
                 length
                 segment-size))

(declaim (inline socket-dgram-set-gro))
(defun socket-dgram-set-gro (dgram on)
  "1: lets the kernel join datagrams of one sender on their way up, UDP_GRO of udp(7); each is still delivered by itself. Each room of a batch then has 64 KiB at least. Default 0. Takes effect with the next call that receives. 0, or SOCKET_ENOTSUP where there is none: then everything works as before."
  (alien-funcall (extern-alien "SocketDgram_set_gro"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 dgram
                 on))

(declaim (inline socket-dgram-get-capabilities))
(defun socket-dgram-get-capabilities (dgram)
  "SOCKET_DGRAM_CAN_* bits; of UDP over IPv4 as long as there is no socket. SOCKET_EMFILE, SOCKET_ENFILE and the like where none can be made to ask."
  (alien-funcall (extern-alien "SocketDgram_get_capabilities"
                               (function (signed 32) (unsigned 64)))
                 dgram))

(declaim (inline socket-dgram-set-broadcast))
(defun socket-dgram-set-broadcast (dgram on)
  "Sending to broadcast addresses: SO_BROADCAST, socket(7). Default 0."
  (alien-funcall (extern-alien "SocketDgram_set_broadcast"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 dgram
                 on))

(declaim (inline socket-dgram-set-reuseaddr))
(defun socket-dgram-set-reuseaddr (dgram on)
  "Before there is a socket, SOCKET_ESTATE after. Binding to an address that others have bound with the same option: SO_REUSEADDR (on Linux the last one receives what is no multicast) and SO_REUSEPORT (the kernel spreads senders over them), socket(7). Default 0."
  (alien-funcall (extern-alien "SocketDgram_set_reuseaddr"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 dgram
                 on))

(declaim (inline socket-dgram-set-reuseport))
(defun socket-dgram-set-reuseport (dgram on)
  "Before there is a socket, SOCKET_ESTATE after. Binding to an address that others have bound with the same option: SO_REUSEADDR (on Linux the last one receives what is no multicast) and SO_REUSEPORT (the kernel spreads senders over them), socket(7). Default 0."
  (alien-funcall (extern-alien "SocketDgram_set_reuseport"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 dgram
                 on))

(declaim (inline socket-dgram-set-v6only))
(defun socket-dgram-set-v6only (dgram on)
  "Before there is a socket, SOCKET_ESTATE after. 0: an IPv6 socket speaks IPv4 as well, with addresses such as \"[::ffff:127.0.0.1]:53\": IPV6_V6ONLY, RFC 3493 5.3. Default 1. No matter for other families."
  (alien-funcall (extern-alien "SocketDgram_set_v6only"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 dgram
                 on))

(declaim (inline socket-dgram-set-receive-buffer))
(defun socket-dgram-set-receive-buffer (dgram bytes)
  "SO_RCVBUF and SO_SNDBUF in bytes, socket(7). SOCKET_EINVAL under 1. Default: the system's."
  (alien-funcall (extern-alien "SocketDgram_set_receive_buffer"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 dgram
                 bytes))

(declaim (inline socket-dgram-set-send-buffer))
(defun socket-dgram-set-send-buffer (dgram bytes)
  "SO_RCVBUF and SO_SNDBUF in bytes, socket(7). SOCKET_EINVAL under 1. Default: the system's."
  (alien-funcall (extern-alien "SocketDgram_set_send_buffer"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 dgram
                 bytes))

(declaim (inline socket-dgram-set-ttl))
(defun socket-dgram-set-ttl (dgram hops)
  "How many routers a datagram may pass: IP_TTL and IPV6_UNICAST_HOPS, 1 to 255, default the system's (64); and one to a group: IP_MULTICAST_TTL and IPV6_MULTICAST_HOPS, 0 to 255, default 1, the own network. SOCKET_EINVAL outside of that."
  (alien-funcall (extern-alien "SocketDgram_set_ttl"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 dgram
                 hops))

(declaim (inline socket-dgram-set-multicast-ttl))
(defun socket-dgram-set-multicast-ttl (dgram hops)
  "How many routers a datagram may pass: IP_TTL and IPV6_UNICAST_HOPS, 1 to 255, default the system's (64); and one to a group: IP_MULTICAST_TTL and IPV6_MULTICAST_HOPS, 0 to 255, default 1, the own network. SOCKET_EINVAL outside of that."
  (alien-funcall (extern-alien "SocketDgram_set_multicast_ttl"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 dgram
                 hops))

(declaim (inline socket-dgram-set-multicast-loop))
(defun socket-dgram-set-multicast-loop (dgram on)
  "Whether what is sent to a group comes back to members on this machine: IP_MULTICAST_LOOP. Default 1."
  (alien-funcall (extern-alien "SocketDgram_set_multicast_loop"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 dgram
                 on))

(declaim (inline socket-dgram-set-multicast-interface))
(defun socket-dgram-set-multicast-interface (dgram interface-name)
  "The interface by which datagrams to groups leave, by its name (\"eth0\") or one of its addresses (\"192.0.2.1\"); NULL or \"\", the default: the system chooses. SOCKET_EADDRNOTAVAIL if there is none such. IP_MULTICAST_IF, ip(7) and ipv6(7)."
  (alien-funcall (extern-alien "SocketDgram_set_multicast_interface"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8)))
                 dgram
                 interface-name))

(declaim (inline socket-dgram-join))
(defun socket-dgram-join (dgram group interface-name)
  "Receives what is sent to `group` (\"239.1.2.3\", \"ff02::fb\") and the port that the socket is bound to, by the interface that `interface_name` names as above. 0, SOCKET_ESTATE before there is a socket, SOCKET_EADDRESS (no numeric multicast address), SOCKET_EAFNOSUPPORT (the socket's family is another one), SOCKET_EADDRNOTAVAIL (no such interface, or none for multicast), SOCKET_EADDRINUSE (joined already), SOCKET_ENOBUFS or SOCKET_ENOMEM (too many). RFC 3678."
  (alien-funcall (extern-alien "SocketDgram_join"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8) (c-string :external-format :utf-8)))
                 dgram
                 group
                 interface-name))

(declaim (inline socket-dgram-leave))
(defun socket-dgram-leave (dgram group interface-name)
  "Ends that; so does freeing. SOCKET_EADDRNOTAVAIL if it was not joined; otherwise as SocketDgram_join."
  (alien-funcall (extern-alien "SocketDgram_leave"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8) (c-string :external-format :utf-8)))
                 dgram
                 group
                 interface-name))

(declaim (inline socket-dgram-join-source))
(defun socket-dgram-join-source (dgram group source interface-name)
  "The same for what the host `source` (\"192.0.2.7\") sends to the group, and no one else: RFC 4607."
  (alien-funcall (extern-alien "SocketDgram_join_source"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8) (c-string :external-format :utf-8) (c-string :external-format :utf-8)))
                 dgram
                 group
                 source
                 interface-name))

(declaim (inline socket-dgram-leave-source))
(defun socket-dgram-leave-source (dgram group source interface-name)
  "The same for what the host `source` (\"192.0.2.7\") sends to the group, and no one else: RFC 4607."
  (alien-funcall (extern-alien "SocketDgram_leave_source"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8) (c-string :external-format :utf-8) (c-string :external-format :utf-8)))
                 dgram
                 group
                 source
                 interface-name))

(declaim (inline socket-dgram-get-local))
(defun socket-dgram-get-local (dgram out capacity)
  "Writes the socket's own address, or the connected peer's, as SocketDgram_get_sender does (\"unix:\" for a unix socket without a name). SOCKET_ESTATE before there is a socket, SOCKET_ENOTCONN (no peer), SOCKET_EINVAL. getsockname(2)."
  (alien-funcall (extern-alien "SocketDgram_get_local"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 32)))
                 dgram
                 out
                 capacity))

(declaim (inline socket-dgram-get-peer))
(defun socket-dgram-get-peer (dgram out capacity)
  "Writes the socket's own address, or the connected peer's, as SocketDgram_get_sender does (\"unix:\" for a unix socket without a name). SOCKET_ESTATE before there is a socket, SOCKET_ENOTCONN (no peer), SOCKET_EINVAL. getsockname(2)."
  (alien-funcall (extern-alien "SocketDgram_get_peer"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 32)))
                 dgram
                 out
                 capacity))

(declaim (inline socket-dgram-get-port))
(defun socket-dgram-get-port (dgram)
  "The port that it is bound to, 0 for a unix socket. SOCKET_ESTATE before there is a socket."
  (alien-funcall (extern-alien "SocketDgram_get_port"
                               (function (signed 32) (unsigned 64)))
                 dgram))

(declaim (inline socket-dgram-get-fd))
(defun socket-dgram-get-fd (dgram)
  "The socket's descriptor, the library's own: for getsockopt(2) and the like. SOCKET_ESTATE before there is one."
  (alien-funcall (extern-alien "SocketDgram_get_fd"
                               (function (signed 32) (unsigned 64)))
                 dgram))

(declaim (inline socket-last-error))
(defun socket-last-error ()
  "The code that the calling thread's most recent failed call of this library left behind; 0 if none has failed yet. A successful call does not clear it. Any thread; never fails."
  (alien-funcall (extern-alien "Socket_last_error"
                               (function (signed 32)))))

(declaim (inline socket-last-error-message))
(defun socket-last-error-message ()
  "What that call tried, on what, and why it failed, for a person to read: \"cannot listen on 127.0.0.1:8080: address in use (SOCKET_EADDRINUSE)\". Never NULL; owned by the library, valid until this thread's next call that fails. Any thread; never fails."
  (text-at (alien-funcall (extern-alien "Socket_last_error_message"
                               (function system-area-pointer)))))

(declaim (inline socket-error-name))
(defun socket-error-name (code)
  "The name of a code (\"SOCKET_EINVAL\", \"SOCKET_OK\" for 0) and its one-line text. A number that is no code gives \"SOCKET_EUNKNOWN\" and its text. Static strings, never NULL. Any thread; never fails."
  (text-at (alien-funcall (extern-alien "Socket_error_name"
                               (function system-area-pointer (signed 32)))
                 code)))

(declaim (inline socket-error-text))
(defun socket-error-text (code)
  "The name of a code (\"SOCKET_EINVAL\", \"SOCKET_OK\" for 0) and its one-line text. A number that is no code gives \"SOCKET_EUNKNOWN\" and its text. Static strings, never NULL. Any thread; never fails."
  (text-at (alien-funcall (extern-alien "Socket_error_text"
                               (function system-area-pointer (signed 32)))
                 code)))

(declaim (inline socket-future-new))
(defun socket-future-new (loop)
  "A future that the program completes. The caller frees it; freeing the loop does so as well. NULL with SOCKET_ENOMEM."
  (truly-the word (alien-funcall (extern-alien "SocketFuture_new"
                               (function (unsigned 64) (unsigned 64)))
                 loop)))

(declaim (inline socket-future-free))
(defun socket-future-free (future)
  "Cancels it if it is still under way, and frees it; no event of it is delivered any more, and threads that await it get SOCKET_ECANCELED. A stream that came with the outcome and was neither delivered nor asked for with SocketFuture_get_data is freed too. NULL accepted; the variable is nulled."
  (alien-funcall (extern-alien "SocketFuture_free"
                               (function void system-area-pointer))
                 future))

(declaim (inline socket-future-release))
(defun socket-future-release (future)
  "Has it freed as soon as its outcome has been delivered: for a callback that needs nothing but its event. Only after SocketFuture_then. The handle is stale once the event is there. 0, or SOCKET_ESTATE: nothing will be delivered (any more)."
  (alien-funcall (extern-alien "SocketFuture_release"
                               (function (signed 32) (unsigned 64)))
                 future))

(declaim (inline socket-future-complete))
(defun socket-future-complete (future status result data)
  "Completes one of SocketFuture_new with the status (0 or a code that says why it failed), a result of 0 or more and a pointer that is kept, not touched. From another thread than the loop's it takes effect in the loop's next turn. Any thread. 0; SOCKET_ESTATE if that was done before, or if it is an operation's or has been canceled; SOCKET_EINVAL (status > 0, result < 0); SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketFuture_complete"
                               (function (signed 32) (unsigned 64) (signed 32) (signed 64) (unsigned 64)))
                 future
                 status
                 result
                 data))

(declaim (inline socket-future-cancel))
(defun socket-future-cancel (future)
  "Ends it with SOCKET_ECANCELED, at once: the caller's memory is free when this returns. 0, also if it has ended already, which changes nothing. Bytes that were moved before are not taken back: SocketFuture_get_progress counts them."
  (alien-funcall (extern-alien "SocketFuture_cancel"
                               (function (signed 32) (unsigned 64)))
                 future))

(declaim (inline socket-future-then))
(defun socket-future-then (future callback user)
  "SOCKET_COMPLETED goes to `callback` with `user` (kept, not touched), or is pulled if callback is NULL. If the future has ended already, in the loop's next delivery; never from inside this call. Once delivered it is not delivered again. 0."
  (alien-funcall (extern-alien "SocketFuture_then"
                               (function (signed 32) (unsigned 64) system-area-pointer (unsigned 64)))
                 future
                 callback
                 user))

(declaim (inline socket-future-await))
(defun socket-future-await (future timeout-ms)
  "Waits until it has ended, up to timeout_ms (0: looks and runs one turn; -1: no limit). On the loop's thread this runs the loop, whether or not it is called from inside a callback of the loop: other callbacks run meanwhile, SocketLoop_wait's events stay queued, memory of what is freed is given back when the outermost turn ends, and a stream whose bytes the callback was handed receives no more until that callback returns, which its idle timeout does not count. A callback of a SocketWatch or a SocketTimer is not entered again either. On any other thread it blocks without using the processor, and somebody else has to run the loop. Any thread. The result, or why it failed; SOCKET_ETIMEDOUT when timeout_ms passed first, which changes nothing (SocketFuture_is_done tells it from an operation's own timeout); SOCKET_ESTOPPED after SocketLoop_stop; SOCKET_EINVAL for less than -1."
  (alien-funcall (extern-alien "SocketFuture_await"
                               (function (signed 64) (unsigned 64) (signed 32)))
                 future
                 timeout-ms))

(declaim (inline socket-future-select))
(defun socket-future-select (futures count timeout-ms)
  "Waits likewise for the first of `count` futures of one loop, and returns its index, the lowest if several have ended. SOCKET_EINVAL for NULL, count < 1 or futures of several loops, SOCKET_EBADHANDLE if any is none; otherwise as SocketFuture_await. Any thread."
  (alien-funcall (extern-alien "SocketFuture_select"
                               (function (signed 32) system-area-pointer (signed 32) (signed 32)))
                 futures
                 count
                 timeout-ms))

(declaim (inline socket-future-all-done))
(defun socket-future-all-done (futures count timeout-ms)
  "Waits likewise until all have ended, well or not: 0. Any thread."
  (alien-funcall (extern-alien "SocketFuture_all_done"
                               (function (signed 32) system-area-pointer (signed 32) (signed 32)))
                 futures
                 count
                 timeout-ms))

(declaim (inline socket-future-any))
(defun socket-future-any (futures count)
  "A future for the first of `count` futures of the loop (required, 1 to 65536; not kept): it completes when one has, with its index as the result, and with its status. Or for all of them: completes when the last has, with `count` as the result, or fails as soon as one fails, with its status. A member that is freed counts as canceled. Canceling it leaves the members alone. The caller frees it. NULL with SOCKET_EINVAL, SOCKET_EBADHANDLE or SOCKET_ENOMEM."
  (truly-the word (alien-funcall (extern-alien "SocketFuture_any"
                               (function (unsigned 64) system-area-pointer (signed 32)))
                 futures
                 count)))

(declaim (inline socket-future-all))
(defun socket-future-all (futures count)
  "A future for the first of `count` futures of the loop (required, 1 to 65536; not kept): it completes when one has, with its index as the result, and with its status. Or for all of them: completes when the last has, with `count` as the result, or fails as soon as one fails, with its status. A member that is freed counts as canceled. Canceling it leaves the members alone. The caller frees it. NULL with SOCKET_EINVAL, SOCKET_EBADHANDLE or SOCKET_ENOMEM."
  (truly-the word (alien-funcall (extern-alien "SocketFuture_all"
                               (function (unsigned 64) system-area-pointer (signed 32)))
                 futures
                 count)))

(declaim (inline socket-future-is-done))
(defun socket-future-is-done (future)
  "1 once it has ended, otherwise 0. Any thread."
  (alien-funcall (extern-alien "SocketFuture_is_done"
                               (function (signed 32) (unsigned 64)))
                 future))

(declaim (inline socket-future-get-status))
(defun socket-future-get-status (future)
  "0 or why it failed; SOCKET_EAGAIN while it has not ended. Any thread."
  (alien-funcall (extern-alien "SocketFuture_get_status"
                               (function (signed 32) (unsigned 64)))
                 future))

(declaim (inline socket-future-get-failure))
(defun socket-future-get-failure (future out capacity)
  "Why it failed, in a sentence: of a connection with TLS what SocketStream_get_tls_failure says, otherwise what its status means; \"\" if it did not fail. Written into `out` with a NUL, the length returned. SOCKET_EAGAIN while it has not ended, SOCKET_ENOBUFS, SOCKET_EINVAL. Any thread."
  (alien-funcall (extern-alien "SocketFuture_get_failure"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 32)))
                 future
                 out
                 capacity))

(declaim (inline socket-future-get-result))
(defun socket-future-get-result (future)
  "The result; or what SocketFuture_get_status says if that is not 0. Any thread."
  (alien-funcall (extern-alien "SocketFuture_get_result"
                               (function (signed 64) (unsigned 64)))
                 future))

(declaim (inline socket-future-get-progress))
(defun socket-future-get-progress (future)
  "How many bytes the operation has moved so far, failed or not. Of what happens on another thread, as of a moment ago. Any thread."
  (alien-funcall (extern-alien "SocketFuture_get_progress"
                               (function (signed 64) (unsigned 64)))
                 future))

(declaim (inline socket-future-get-lost))
(defun socket-future-get-lost (future)
  "How many bytes an operation that failed had taken from where they were and could not hand over: gone for good. 0 for all but SocketAsync_splice, and while it has not ended. Any thread."
  (alien-funcall (extern-alien "SocketFuture_get_lost"
                               (function (signed 64) (unsigned 64)))
                 future))

(declaim (inline socket-future-get-data))
(defun socket-future-get-data (future)
  "What belongs to the outcome (see above); NULL if there is nothing, with SOCKET_EAGAIN while it has not ended. A stream is the caller's from here on."
  (alien-funcall (extern-alien "SocketFuture_get_data"
                               (function system-area-pointer (unsigned 64)))
                 future))

(declaim (inline socket-http-get-method))
(defun socket-http-get-method (exchange)
  "\"GET\"; \"/a/b?c=d\" as it was sent; \"/a/b\", still percent-encoded; \"c=d\", or NULL without a '?'. NULL for a bad handle."
  (text-at (alien-funcall (extern-alien "SocketHTTP_get_method"
                               (function system-area-pointer (unsigned 64)))
                 exchange)))

(declaim (inline socket-http-get-target))
(defun socket-http-get-target (exchange)
  "\"GET\"; \"/a/b?c=d\" as it was sent; \"/a/b\", still percent-encoded; \"c=d\", or NULL without a '?'. NULL for a bad handle."
  (text-at (alien-funcall (extern-alien "SocketHTTP_get_target"
                               (function system-area-pointer (unsigned 64)))
                 exchange)))

(declaim (inline socket-http-get-path))
(defun socket-http-get-path (exchange)
  "\"GET\"; \"/a/b?c=d\" as it was sent; \"/a/b\", still percent-encoded; \"c=d\", or NULL without a '?'. NULL for a bad handle."
  (text-at (alien-funcall (extern-alien "SocketHTTP_get_path"
                               (function system-area-pointer (unsigned 64)))
                 exchange)))

(declaim (inline socket-http-get-query))
(defun socket-http-get-query (exchange)
  "\"GET\"; \"/a/b?c=d\" as it was sent; \"/a/b\", still percent-encoded; \"c=d\", or NULL without a '?'. NULL for a bad handle."
  (text-at (alien-funcall (extern-alien "SocketHTTP_get_query"
                               (function system-area-pointer (unsigned 64)))
                 exchange)))

(declaim (inline socket-http-get-version))
(defun socket-http-get-version (exchange)
  "10 for HTTP/1.0, 11 for HTTP/1.1."
  (alien-funcall (extern-alien "SocketHTTP_get_version"
                               (function (signed 32) (unsigned 64)))
                 exchange))

(declaim (inline socket-http-get-header))
(defun socket-http-get-header (exchange name)
  "The value of the first field of that name, whatever its case; NULL if there is none."
  (text-at (alien-funcall (extern-alien "SocketHTTP_get_header"
                               (function system-area-pointer (unsigned 64) (c-string :external-format :utf-8)))
                 exchange
                 name)))

(declaim (inline socket-http-get-header-count))
(defun socket-http-get-header-count (exchange)
  "All fields in the order in which they came; NULL for an index beyond the last."
  (alien-funcall (extern-alien "SocketHTTP_get_header_count"
                               (function (signed 32) (unsigned 64)))
                 exchange))

(declaim (inline socket-http-get-header-name))
(defun socket-http-get-header-name (exchange index)
  "All fields in the order in which they came; NULL for an index beyond the last."
  (text-at (alien-funcall (extern-alien "SocketHTTP_get_header_name"
                               (function system-area-pointer (unsigned 64) (signed 32)))
                 exchange
                 index)))

(declaim (inline socket-http-get-header-value))
(defun socket-http-get-header-value (exchange index)
  "All fields in the order in which they came; NULL for an index beyond the last."
  (text-at (alien-funcall (extern-alien "SocketHTTP_get_header_value"
                               (function system-area-pointer (unsigned 64) (signed 32)))
                 exchange
                 index)))

(declaim (inline socket-http-get-parameter))
(defun socket-http-get-parameter (exchange name)
  "What stands in the place of \":name\" in the route's pattern, percent-decoded, or, for \"*\", the rest of the path. NULL if the pattern has no such name."
  (text-at (alien-funcall (extern-alien "SocketHTTP_get_parameter"
                               (function system-area-pointer (unsigned 64) (c-string :external-format :utf-8)))
                 exchange
                 name)))

(declaim (inline socket-http-get-peer))
(defun socket-http-get-peer (exchange out capacity)
  "The peer's address without its port: as SocketStream_get_peer otherwise, \"unix:\" over a unix socket whose client has no name."
  (alien-funcall (extern-alien "SocketHTTP_get_peer"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 32)))
                 exchange
                 out
                 capacity))

(declaim (inline socket-http-get-tls-version))
(defun socket-http-get-tls-version (exchange)
  "Of a request that came over TLS: \"TLSv1.3\" or \"TLSv1.2\", a static string; the name that the client asked for (SNI); its certificate (index 0) and those that it sent along, as DER. As SocketStream_get_tls_version, _get_tls_server and _get_tls_certificate, with their errors: SOCKET_ENOTSUP where there is no TLS, SOCKET_ENOENT where it showed none; and SOCKET_ECLOSED."
  (text-at (alien-funcall (extern-alien "SocketHTTP_get_tls_version"
                               (function system-area-pointer (unsigned 64)))
                 exchange)))

(declaim (inline socket-http-get-tls-server))
(defun socket-http-get-tls-server (exchange out capacity)
  "Of a request that came over TLS: \"TLSv1.3\" or \"TLSv1.2\", a static string; the name that the client asked for (SNI); its certificate (index 0) and those that it sent along, as DER. As SocketStream_get_tls_version, _get_tls_server and _get_tls_certificate, with their errors: SOCKET_ENOTSUP where there is no TLS, SOCKET_ENOENT where it showed none; and SOCKET_ECLOSED."
  (alien-funcall (extern-alien "SocketHTTP_get_tls_server"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 32)))
                 exchange
                 out
                 capacity))

(declaim (inline socket-http-get-tls-certificate))
(defun socket-http-get-tls-certificate (exchange index out capacity)
  "Of a request that came over TLS: \"TLSv1.3\" or \"TLSv1.2\", a static string; the name that the client asked for (SNI); its certificate (index 0) and those that it sent along, as DER. As SocketStream_get_tls_version, _get_tls_server and _get_tls_certificate, with their errors: SOCKET_ENOTSUP where there is no TLS, SOCKET_ENOENT where it showed none; and SOCKET_ECLOSED."
  (alien-funcall (extern-alien "SocketHTTP_get_tls_certificate"
                               (function (signed 64) (unsigned 64) (signed 32) system-area-pointer (signed 64)))
                 exchange
                 index
                 out
                 capacity))

(declaim (inline socket-http-get-body-length))
(defun socket-http-get-body-length (exchange)
  "Content-Length; -1 if the body is chunked, 0 if there is none. A bad handle gives SOCKET_EBADHANDLE, which is not -1 only by Socket_last_error(): test the handle first where that matters."
  (alien-funcall (extern-alien "SocketHTTP_get_body_length"
                               (function (signed 64) (unsigned 64)))
                 exchange))

(declaim (inline socket-http-set-callback))
(defun socket-http-set-callback (exchange callback user)
  "The exchange's further events (SOCKET_HTTP_BODY, _BODY_END, _DRAINED, _CLOSED) go to `callback` with `user` (kept, not touched), or are pulled if callback is NULL."
  (alien-funcall (extern-alien "SocketHTTP_set_callback"
                               (function (signed 32) (unsigned 64) system-area-pointer (unsigned 64)))
                 exchange
                 callback
                 user))

(declaim (inline socket-http-read-body))
(defun socket-http-read-body (exchange)
  "Asks for the body, or for more of it after SocketHTTP_pause_body: SOCKET_HTTP_BODY any number of times, then SOCKET_HTTP_BODY_END. Sends 100 Continue if the client waits for it. A body that is not asked for is discarded, or the connection closed, after the response. 0, or SOCKET_ESTATE when the body has ended."
  (alien-funcall (extern-alien "SocketHTTP_read_body"
                               (function (signed 32) (unsigned 64)))
                 exchange))

(declaim (inline socket-http-pause-body))
(defun socket-http-pause-body (exchange)
  "No more SOCKET_HTTP_BODY until the next SocketHTTP_read_body. 0."
  (alien-funcall (extern-alien "SocketHTTP_pause_body"
                               (function (signed 32) (unsigned 64)))
                 exchange))

(declaim (inline socket-http-add-header))
(defun socket-http-add-header (exchange name value)
  "Adds a field to the response, after those added before; set replaces all of that name first. Both strings are copied. Content-Length, Transfer-Encoding, Connection, Date and Keep-Alive are the library's. 0; SOCKET_EINVAL for a NULL, a name that is no token, a value with control characters or one of those names; SOCKET_ESTATE after the head was sent; SOCKET_ELIMIT beyond 16 KiB; SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketHTTP_add_header"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8) (c-string :external-format :utf-8)))
                 exchange
                 name
                 value))

(declaim (inline socket-http-set-header))
(defun socket-http-set-header (exchange name value)
  "Adds a field to the response, after those added before; set replaces all of that name first. Both strings are copied. Content-Length, Transfer-Encoding, Connection, Date and Keep-Alive are the library's. 0; SOCKET_EINVAL for a NULL, a name that is no token, a value with control characters or one of those names; SOCKET_ESTATE after the head was sent; SOCKET_ELIMIT beyond 16 KiB; SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketHTTP_set_header"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8) (c-string :external-format :utf-8)))
                 exchange
                 name
                 value))

(declaim (inline socket-http-respond))
(defun socket-http-respond (exchange status content-type body length)
  "The whole response: `status` (200 to 999), Content-Type (NULL: none), and `length` bytes of `body`, copied as far as the kernel does not take them at once (NULL only with length 0). To a HEAD request, and with 204 and 304, no body is sent. 0; SOCKET_EINVAL; SOCKET_ESTATE if it was answered already; the codes of SocketStream_write when the connection is broken."
  (alien-funcall (extern-alien "SocketHTTP_respond"
                               (function (signed 32) (unsigned 64) (signed 32) (c-string :external-format :utf-8) system-area-pointer (signed 64)))
                 exchange
                 status
                 content-type
                 body
                 length))

(declaim (inline socket-http-start))
(defun socket-http-start (exchange status content-type length)
  "Sends the head of a response whose body follows by SocketHTTP_write: of `length` bytes in all, or, with -1, of a length not known yet (chunked; to HTTP/1.0 ended by closing). As SocketHTTP_respond."
  (alien-funcall (extern-alien "SocketHTTP_start"
                               (function (signed 32) (unsigned 64) (signed 32) (c-string :external-format :utf-8) (signed 64)))
                 exchange
                 status
                 content-type
                 length))

(declaim (inline socket-http-write))
(defun socket-http-write (exchange data length)
  "Sends the next bytes of the body. Returns the bytes now queued on the connection; above the low mark, SOCKET_HTTP_DRAINED follows. SOCKET_EAGAIN at the high mark: nothing was taken, wait for SOCKET_HTTP_DRAINED. SOCKET_EINVAL for NULL, a negative length, or more than was announced; SOCKET_ESTATE before start or after end; otherwise as SocketStream_write."
  (alien-funcall (extern-alien "SocketHTTP_write"
                               (function (signed 64) (unsigned 64) system-area-pointer (signed 64)))
                 exchange
                 data
                 length))

(declaim (inline socket-http-end))
(defun socket-http-end (exchange)
  "Ends the response. 0; SOCKET_ESTATE before start or after end; SOCKET_EINVAL if bytes that were announced are missing: the connection is then closed, so that the client notices, and no SOCKET_HTTP_CLOSED follows."
  (alien-funcall (extern-alien "SocketHTTP_end"
                               (function (signed 32) (unsigned 64)))
                 exchange))

(declaim (inline socket-http-abort))
(defun socket-http-abort (exchange)
  "Closes the connection without (the rest of) a response. 0."
  (alien-funcall (extern-alien "SocketHTTP_abort"
                               (function (signed 32) (unsigned 64)))
                 exchange))

(declaim (inline socket-http-next))
(defun socket-http-next (exchange)
  "Passes the exchange on to the next middleware, or to its route. It is called after the present handler has returned, or in the loop's next turn. 0, SOCKET_ESTATE if it was answered, or if it is at its route."
  (alien-funcall (extern-alien "SocketHTTP_next"
                               (function (signed 32) (unsigned 64)))
                 exchange))

(declaim (inline socket-http-get-status))
(defun socket-http-get-status (exchange)
  "The status that was sent, 0 if none was; the bytes of the body that were handed to the connection; the microseconds from the request's first byte until now."
  (alien-funcall (extern-alien "SocketHTTP_get_status"
                               (function (signed 32) (unsigned 64)))
                 exchange))

(declaim (inline socket-http-get-bytes-sent))
(defun socket-http-get-bytes-sent (exchange)
  "The status that was sent, 0 if none was; the bytes of the body that were handed to the connection; the microseconds from the request's first byte until now."
  (alien-funcall (extern-alien "SocketHTTP_get_bytes_sent"
                               (function (signed 64) (unsigned 64)))
                 exchange))

(declaim (inline socket-http-get-duration-us))
(defun socket-http-get-duration-us (exchange)
  "The status that was sent, 0 if none was; the bytes of the body that were handed to the connection; the microseconds from the request's first byte until now."
  (alien-funcall (extern-alien "SocketHTTP_get_duration_us"
                               (function (signed 64) (unsigned 64)))
                 exchange))

(declaim (inline socket-http-server-new))
(defun socket-http-server-new (loop)
  "A server that does not listen yet. The caller frees it; freeing the loop does so as well. NULL with SOCKET_ENOMEM."
  (truly-the word (alien-funcall (extern-alien "SocketHTTPServer_new"
                               (function (unsigned 64) (unsigned 64)))
                 loop)))

(declaim (inline socket-http-server-free))
(defun socket-http-server-free (server)
  "Closes its listeners and all connections at once (see SocketHTTPServer_stop for the gentle way) and frees it. Its exchanges are stale. NULL accepted; the variable is nulled."
  (alien-funcall (extern-alien "SocketHTTPServer_free"
                               (function void system-area-pointer))
                 server))

(declaim (inline socket-http-server-route))
(defun socket-http-server-route (server method pattern handler user)
  "Sends requests of `method` whose path matches `pattern` to `handler` with `user` (kept, not touched); where handler is NULL they are pulled as SOCKET_HTTP_REQUEST with `user`. Patterns: \"/a/b\" exactly; \"/a/:name\" one segment that is not empty; \"/a/\" followed by an asterisk: everything below. At each segment the exact one wins over :name, and that over the asterisk. Both strings are copied. At any time. 0, SOCKET_EINVAL for a bad method or pattern, SOCKET_EEXIST, SOCKET_ELIMIT, SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketHTTPServer_route"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8) (c-string :external-format :utf-8) system-area-pointer (unsigned 64)))
                 server
                 method
                 pattern
                 handler
                 user))

(declaim (inline socket-http-server-use))
(defun socket-http-server-use (server handler user)
  "Puts `handler` (required) in front of all routes, after those put there before. It answers the exchange or passes it on with SocketHTTP_next. Requests that no route matches go through it as well. 0, SOCKET_EINVAL, SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketHTTPServer_use"
                               (function (signed 32) (unsigned 64) system-area-pointer (unsigned 64)))
                 server
                 handler
                 user))

(declaim (inline socket-http-server-static))
(defun socket-http-server-static (server prefix folder flags)
  "Answers GET and HEAD below `prefix` (\"/\", \"/assets/\") with the files of `folder`, which is opened now and served even if it is renamed; a change of a file shows at the next request. Types by extension; ETag, Last-Modified, conditional and range requests; \"name.gz\" beside \"name\" to clients that take gzip; index.html for a folder; a redirect from \"/folder\" to \"/folder/\". Nothing outside of the folder is reachable, not by dots, escapes or symbolic links, of which absolute ones are never followed; on Windows not by devices (\"CON\", \"nul.txt\"), streams, drives or short names either. Only regular files are served, and no name that begins with a dot, but for a \".well-known\" at the top (RFC 8615). Small files are kept in at most 16 MiB of memory. `flags`: SOCKET_HTTP_LISTING or 0. 0, SOCKET_EINVAL, SOCKET_ENOENT, SOCKET_ENOTDIR, SOCKET_EACCES, SOCKET_EEXIST, SOCKET_EMFILE, SOCKET_ENFILE, SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketHTTPServer_static"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8) (c-string :external-format :utf-8) (signed 32)))
                 server
                 prefix
                 folder
                 flags))

(declaim (inline socket-http-server-listen))
(defun socket-http-server-listen (server address)
  "Listens on an address as SocketListener_listen does, with the same errors; any number of times. \"unix:/path\" among them, for a proxy on the same machine."
  (alien-funcall (extern-alien "SocketHTTPServer_listen"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8)))
                 server
                 address))

(declaim (inline socket-http-server-listen-fd))
(defun socket-http-server-listen-fd (server fd)
  "Listens on a socket that listens already, as SocketListener_listen_fd does, with the same errors."
  (alien-funcall (extern-alien "SocketHTTPServer_listen_fd"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 server
                 fd))

(declaim (inline socket-http-server-set-tls))
(defun socket-http-server-set-tls (server tls)
  "HTTPS: what is listened on from here on, by either of these, begins each connection with a handshake, as SocketListener_set_tls does, with its errors. NULL: without any more."
  (alien-funcall (extern-alien "SocketHTTPServer_set_tls"
                               (function (signed 32) (unsigned 64) (unsigned 64)))
                 server
                 tls))

(declaim (inline socket-http-server-set-reuseport))
(defun socket-http-server-set-reuseport (server how)
  "Whether the servers of several loops share the port: enum SocketReuseport, for every later SocketHTTPServer_listen. 0 or SOCKET_EINVAL."
  (alien-funcall (extern-alien "SocketHTTPServer_set_reuseport"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 server
                 how))

(declaim (inline socket-http-server-get-port))
(defun socket-http-server-get-port (server)
  "The port of the latest listen (0 if that was a unix socket), and its descriptor, which stays the server's; SOCKET_ESTATE before the first and once it stops."
  (alien-funcall (extern-alien "SocketHTTPServer_get_port"
                               (function (signed 32) (unsigned 64)))
                 server))

(declaim (inline socket-http-server-get-fd))
(defun socket-http-server-get-fd (server)
  "The port of the latest listen (0 if that was a unix socket), and its descriptor, which stays the server's; SOCKET_ESTATE before the first and once it stops."
  (alien-funcall (extern-alien "SocketHTTPServer_get_fd"
                               (function (signed 32) (unsigned 64)))
                 server))

(declaim (inline socket-http-server-get-connections))
(defun socket-http-server-get-connections (server)
  "Connections that are open now."
  (alien-funcall (extern-alien "SocketHTTPServer_get_connections"
                               (function (signed 32) (unsigned 64)))
                 server))

(declaim (inline socket-http-server-stop))
(defun socket-http-server-stop (server timeout-ms)
  "Stops gently: closes the listeners and idle connections, lets requests under way be answered (with \"Connection: close\"), and after timeout_ms (-1: never) closes what is left. SOCKET_HTTP_STOPPED then goes to the callback of SocketHTTPServer_set_callback, or is pulled; its status is 0, or SOCKET_ETIMEDOUT if something had to be cut off. 0, also if it is stopping already (the shorter time counts)."
  (alien-funcall (extern-alien "SocketHTTPServer_stop"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 server
                 timeout-ms))

(declaim (inline socket-http-server-set-stop-grace))
(defun socket-http-server-set-stop-grace (server ms)
  "How long SocketHTTPServer_stop leaves connections open that have no request under way, so that one which is on its way at that moment is answered as well: a client that has just connected, or asks again on a connection that it kept, otherwise finds it closed. For a server that hands over to a successor. In ms, at most the stop's own time; default 0. 0 or SOCKET_EINVAL."
  (alien-funcall (extern-alien "SocketHTTPServer_set_stop_grace"
                               (function (signed 32) (unsigned 64) (signed 64)))
                 server
                 ms))

(declaim (inline socket-http-server-set-callback))
(defun socket-http-server-set-callback (server callback user)
  "SOCKET_HTTP_STOPPED, SOCKET_ACCEPT_STALLED and SOCKET_ACCEPT_RESUMED go to `callback` with `user` (kept, not touched), or are pulled if callback is NULL."
  (alien-funcall (extern-alien "SocketHTTPServer_set_callback"
                               (function (signed 32) (unsigned 64) system-area-pointer (unsigned 64)))
                 server
                 callback
                 user))

(declaim (inline socket-http-server-set-log))
(defun socket-http-server-set-log (server log user)
  "`log` (NULL: none) is called with each exchange once its response has ended or failed, for an access log. It must not answer. Requests that were malformed are not logged."
  (alien-funcall (extern-alien "SocketHTTPServer_set_log"
                               (function (signed 32) (unsigned 64) system-area-pointer (unsigned 64)))
                 server
                 log
                 user))

(declaim (inline socket-http-server-set-max-head))
(defun socket-http-server-set-max-head (server bytes)
  "The limits, with their defaults and answers above. Bytes or counts, at least 1 (max_body: 0), from the next request on; times in ms, at least 1 or -1 for none, at once. 0 or SOCKET_EINVAL."
  (alien-funcall (extern-alien "SocketHTTPServer_set_max_head"
                               (function (signed 32) (unsigned 64) (signed 64)))
                 server
                 bytes))

(declaim (inline socket-http-server-set-max-target))
(defun socket-http-server-set-max-target (server bytes)
  "The limits, with their defaults and answers above. Bytes or counts, at least 1 (max_body: 0), from the next request on; times in ms, at least 1 or -1 for none, at once. 0 or SOCKET_EINVAL."
  (alien-funcall (extern-alien "SocketHTTPServer_set_max_target"
                               (function (signed 32) (unsigned 64) (signed 64)))
                 server
                 bytes))

(declaim (inline socket-http-server-set-max-fields))
(defun socket-http-server-set-max-fields (server fields)
  "The limits, with their defaults and answers above. Bytes or counts, at least 1 (max_body: 0), from the next request on; times in ms, at least 1 or -1 for none, at once. 0 or SOCKET_EINVAL."
  (alien-funcall (extern-alien "SocketHTTPServer_set_max_fields"
                               (function (signed 32) (unsigned 64) (signed 64)))
                 server
                 fields))

(declaim (inline socket-http-server-set-max-body))
(defun socket-http-server-set-max-body (server bytes)
  "The limits, with their defaults and answers above. Bytes or counts, at least 1 (max_body: 0), from the next request on; times in ms, at least 1 or -1 for none, at once. 0 or SOCKET_EINVAL."
  (alien-funcall (extern-alien "SocketHTTPServer_set_max_body"
                               (function (signed 32) (unsigned 64) (signed 64)))
                 server
                 bytes))

(declaim (inline socket-http-server-set-max-connections))
(defun socket-http-server-set-max-connections (server connections)
  "The limits, with their defaults and answers above. Bytes or counts, at least 1 (max_body: 0), from the next request on; times in ms, at least 1 or -1 for none, at once. 0 or SOCKET_EINVAL."
  (alien-funcall (extern-alien "SocketHTTPServer_set_max_connections"
                               (function (signed 32) (unsigned 64) (signed 64)))
                 server
                 connections))

(declaim (inline socket-http-server-set-head-timeout))
(defun socket-http-server-set-head-timeout (server timeout-ms)
  "The limits, with their defaults and answers above. Bytes or counts, at least 1 (max_body: 0), from the next request on; times in ms, at least 1 or -1 for none, at once. 0 or SOCKET_EINVAL."
  (alien-funcall (extern-alien "SocketHTTPServer_set_head_timeout"
                               (function (signed 32) (unsigned 64) (signed 64)))
                 server
                 timeout-ms))

(declaim (inline socket-http-server-set-body-timeout))
(defun socket-http-server-set-body-timeout (server timeout-ms)
  "The limits, with their defaults and answers above. Bytes or counts, at least 1 (max_body: 0), from the next request on; times in ms, at least 1 or -1 for none, at once. 0 or SOCKET_EINVAL."
  (alien-funcall (extern-alien "SocketHTTPServer_set_body_timeout"
                               (function (signed 32) (unsigned 64) (signed 64)))
                 server
                 timeout-ms))

(declaim (inline socket-http-server-set-idle-timeout))
(defun socket-http-server-set-idle-timeout (server timeout-ms)
  "The limits, with their defaults and answers above. Bytes or counts, at least 1 (max_body: 0), from the next request on; times in ms, at least 1 or -1 for none, at once. 0 or SOCKET_EINVAL."
  (alien-funcall (extern-alien "SocketHTTPServer_set_idle_timeout"
                               (function (signed 32) (unsigned 64) (signed 64)))
                 server
                 timeout-ms))

(declaim (inline socket-http-server-set-write-timeout))
(defun socket-http-server-set-write-timeout (server timeout-ms)
  "The limits, with their defaults and answers above. Bytes or counts, at least 1 (max_body: 0), from the next request on; times in ms, at least 1 or -1 for none, at once. 0 or SOCKET_EINVAL."
  (alien-funcall (extern-alien "SocketHTTPServer_set_write_timeout"
                               (function (signed 32) (unsigned 64) (signed 64)))
                 server
                 timeout-ms))

(declaim (inline socket-http-server-set-marks))
(defun socket-http-server-set-marks (server low high)
  "0 <= low < high, in bytes."
  (alien-funcall (extern-alien "SocketHTTPServer_set_marks"
                               (function (signed 32) (unsigned 64) (signed 64) (signed 64)))
                 server
                 low
                 high))

(declaim (inline socket-limiter-new))
(defun socket-limiter-new (loop bytes-per-second burst)
  "A limiter with a full bucket. bytes_per_second from 1 to 1024 * SOCKET_LIMITER_MAX, burst from 1 to SOCKET_LIMITER_MAX. The caller frees it; freeing the loop does so as well. NULL with SOCKET_EINVAL or SOCKET_ENOMEM."
  (truly-the word (alien-funcall (extern-alien "SocketLimiter_new"
                               (function (unsigned 64) (unsigned 64) (signed 64) (signed 64)))
                 loop
                 bytes-per-second
                 burst)))

(declaim (inline socket-limiter-free))
(defun socket-limiter-free (limiter)
  "Frees the handle. Pipelines that it was added to are limited as before, and share as before, until they end. NULL accepted; the variable is nulled."
  (alien-funcall (extern-alien "SocketLimiter_free"
                               (function void system-area-pointer))
                 limiter))

(declaim (inline socket-limiter-take))
(defun socket-limiter-take (limiter bytes)
  "How many of `bytes` may pass now, 0 to `bytes`: that many are taken out of the bucket. SOCKET_EINVAL if negative."
  (alien-funcall (extern-alien "SocketLimiter_take"
                               (function (signed 64) (unsigned 64) (signed 64)))
                 limiter
                 bytes))

(declaim (inline socket-limiter-delay))
(defun socket-limiter-delay (limiter bytes)
  "Milliseconds, rounded up, until the bucket holds `bytes`, or is full if that is less; 0: it does now. Others may have taken them by then. SOCKET_EINVAL if negative."
  (alien-funcall (extern-alien "SocketLimiter_delay"
                               (function (signed 64) (unsigned 64) (signed 64)))
                 limiter
                 bytes))

(declaim (inline socket-limiter-set-rate))
(defun socket-limiter-set-rate (limiter bytes-per-second burst)
  "Changes both from now on, also for who waits. What the bucket holds stays, up to the new burst. 0 or SOCKET_EINVAL."
  (alien-funcall (extern-alien "SocketLimiter_set_rate"
                               (function (signed 32) (unsigned 64) (signed 64) (signed 64)))
                 limiter
                 bytes-per-second
                 burst))

(declaim (inline socket-limiter-get-rate))
(defun socket-limiter-get-rate (limiter)
  "Changes both from now on, also for who waits. What the bucket holds stays, up to the new burst. 0 or SOCKET_EINVAL."
  (alien-funcall (extern-alien "SocketLimiter_get_rate"
                               (function (signed 64) (unsigned 64)))
                 limiter))

(declaim (inline socket-limiter-get-burst))
(defun socket-limiter-get-burst (limiter)
  "Changes both from now on, also for who waits. What the bucket holds stays, up to the new burst. 0 or SOCKET_EINVAL."
  (alien-funcall (extern-alien "SocketLimiter_get_burst"
                               (function (signed 64) (unsigned 64)))
                 limiter))

(declaim (inline socket-listener-new))
(defun socket-listener-new (loop)
  "A listener that does not listen yet. The caller frees it; freeing the loop does so as well. NULL with SOCKET_ENOMEM."
  (truly-the word (alien-funcall (extern-alien "SocketListener_new"
                               (function (unsigned 64) (unsigned 64)))
                 loop)))

(declaim (inline socket-listener-free))
(defun socket-listener-free (listener)
  "Stops listening and frees it. Streams that it accepted live on, those whose SOCKET_ACCEPTED was not delivered yet are closed. NULL accepted; the variable is nulled."
  (alien-funcall (extern-alien "SocketListener_free"
                               (function void system-area-pointer))
                 listener))

(declaim (inline socket-listener-set-callback))
(defun socket-listener-set-callback (listener callback user)
  "SOCKET_ACCEPTED, SOCKET_ACCEPT_STALLED and SOCKET_ACCEPT_RESUMED go to `callback` with `user` (kept, not touched), or are pulled if callback is NULL. At any time."
  (alien-funcall (extern-alien "SocketListener_set_callback"
                               (function (signed 32) (unsigned 64) system-area-pointer (unsigned 64)))
                 listener
                 callback
                 user))

(declaim (inline socket-listener-set-backlog))
(defun socket-listener-set-backlog (listener backlog)
  "Connections that the kernel keeps for us until we accept them, listen(2). SOCKET_EINVAL under 1; SOCKET_ESTATE once it listens."
  (alien-funcall (extern-alien "SocketListener_set_backlog"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 listener
                 backlog))

(declaim (inline socket-listener-set-reuseport))
(defun socket-listener-set-reuseport (listener how)
  "0; SOCKET_EINVAL for a number that is none of these; SOCKET_ESTATE once it listens."
  (alien-funcall (extern-alien "SocketListener_set_reuseport"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 listener
                 how))

(declaim (inline socket-listener-set-receive-buffer))
(defun socket-listener-set-receive-buffer (listener bytes)
  "Sizes of the kernel's buffers of every accepted socket, in bytes: SO_RCVBUF and SO_SNDBUF, set before listen(2) so that the window scale fits. 0, the default, leaves the kernel's own tuning. SOCKET_EINVAL if negative; SOCKET_ESTATE once it listens."
  (alien-funcall (extern-alien "SocketListener_set_receive_buffer"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 listener
                 bytes))

(declaim (inline socket-listener-set-send-buffer))
(defun socket-listener-set-send-buffer (listener bytes)
  "Sizes of the kernel's buffers of every accepted socket, in bytes: SO_RCVBUF and SO_SNDBUF, set before listen(2) so that the window scale fits. 0, the default, leaves the kernel's own tuning. SOCKET_EINVAL if negative; SOCKET_ESTATE once it listens."
  (alien-funcall (extern-alien "SocketListener_set_send_buffer"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 listener
                 bytes))

(declaim (inline socket-listener-set-mode))
(defun socket-listener-set-mode (listener mode)
  "The permissions, 0 to 0777, of the file that a unix socket makes: who may connect, unix(7). -1, the default: 0777 less the umask. The file never has more, and nobody can connect before it has them. SOCKET_EINVAL; SOCKET_ESTATE once it listens."
  (alien-funcall (extern-alien "SocketListener_set_mode"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 listener
                 mode))

(declaim (inline socket-listener-set-max-connections))
(defun socket-listener-set-max-connections (listener connections)
  "How many accepted streams may be open at a time. At the limit it stops accepting (the kernel's backlog fills), reports SOCKET_ACCEPT_STALLED with SOCKET_ELIMIT, and goes on when one is freed. At any time. SOCKET_EINVAL under 1."
  (alien-funcall (extern-alien "SocketListener_set_max_connections"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 listener
                 connections))

(declaim (inline socket-listener-listen))
(defun socket-listener-listen (listener address)
  "Binds and listens. `address` is \"127.0.0.1:8080\", \"[::1]:8080\", \"0.0.0.0:80\", \"[::]:80\" (IPv6 only, RFC 3493 5.3) or \"localhost:8080\" (127.0.0.1), where port 0 picks a free one, or \"unix:/path\" or \"unix:@name\" (abstract, Linux).  A path is made, in the place of a socket that nobody listens on any more, but never of one that somebody does listen on or of any other file. The file is removed when the listener is freed, unless it is another one by then or another process accepts on the same socket.  Accepted streams do not read until SocketStream_start(). When the process or the system runs out of descriptors or memory, accepting stops and SOCKET_ACCEPT_STALLED is reported with the reason, again only if the reason changes; it goes on within SOCKET_LISTENER_RETRY_MS of a free descriptor and then reports SOCKET_ACCEPT_RESUMED. 0, or SOCKET_EADDRESS, SOCKET_EPORT, SOCKET_EADDRINUSE, SOCKET_EADDRNOTAVAIL, SOCKET_EACCES (a privileged port), SOCKET_EAFNOSUPPORT, SOCKET_EMFILE, SOCKET_ENFILE, SOCKET_ENOMEM, SOCKET_ESTATE (listens already); of paths SOCKET_ENAMETOOLONG (over sun_path, some 100 bytes), SOCKET_ENOENT and SOCKET_ENOTDIR (no such folder), SOCKET_EACCES, SOCKET_ENOSPC; and SOCKET_ENOTSUP for an option that the address cannot have (reuseport and buffer sizes are TCP's, the mode is a path's), or for unix sockets on a simulated loop."
  (alien-funcall (extern-alien "SocketListener_listen"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8)))
                 listener
                 address))

(declaim (inline socket-listener-listen-fd))
(defun socket-listener-listen-fd (listener fd)
  "Listens on a stream socket that listens already: one that another process handed over, or that was set up in a way of the program's own. On success the descriptor is the listener's, which closes it, and is made non-blocking and close-on-exec; if this fails, it stays the caller's. Options of the socket (backlog, reuseport, buffers, mode) are what they are. The file of a unix socket is removed as SocketListener_listen says, by the last who listens. 0; SOCKET_EBADF: not open, or no socket; SOCKET_EINVAL: no stream socket; SOCKET_ESTATE: the socket does not listen, or the listener does already; SOCKET_EEXIST: the loop has this descriptor already; SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketListener_listen_fd"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 listener
                 fd))

(declaim (inline socket-listener-get-fd))
(defun socket-listener-get-fd (listener)
  "The descriptor it listens on, the listener's own; SOCKET_ESTATE before it listens."
  (alien-funcall (extern-alien "SocketListener_get_fd"
                               (function (signed 32) (unsigned 64)))
                 listener))

(declaim (inline socket-listener-get-port))
(defun socket-listener-get-port (listener)
  "The port it listens on, 0 for a unix socket; SOCKET_ESTATE before it listens."
  (alien-funcall (extern-alien "SocketListener_get_port"
                               (function (signed 32) (unsigned 64)))
                 listener))

(declaim (inline socket-listener-pause))
(defun socket-listener-pause (listener)
  "Stop and start accepting; connections meanwhile wait in the kernel's backlog. 0."
  (alien-funcall (extern-alien "SocketListener_pause"
                               (function (signed 32) (unsigned 64)))
                 listener))

(declaim (inline socket-listener-resume))
(defun socket-listener-resume (listener)
  "Stop and start accepting; connections meanwhile wait in the kernel's backlog. 0."
  (alien-funcall (extern-alien "SocketListener_resume"
                               (function (signed 32) (unsigned 64)))
                 listener))

(declaim (inline socket-listener-activation-count))
(defun socket-listener-activation-count ()
  "How many were passed to this process; each is close-on-exec from here on. 0: none, or they are for another process. SOCKET_EINVAL for variables that make no sense."
  (alien-funcall (extern-alien "SocketListener_activation_count"
                               (function (signed 32)))))

(declaim (inline socket-listener-activation-fd))
(defun socket-listener-activation-fd (index)
  "The index-th of them, for SocketListener_listen_fd. SOCKET_EINVAL for no such index; SOCKET_EBADF if it is not open, as when it has been used and closed again."
  (alien-funcall (extern-alien "SocketListener_activation_fd"
                               (function (signed 32) (signed 32)))
                 index))

(declaim (inline socket-listener-activation-name))
(defun socket-listener-activation-name (index out capacity)
  "Writes its name (\"unknown\" where it has none) and a NUL into `out` (required, yours), and returns the length. SOCKET_EINVAL for no such index or too little room."
  (alien-funcall (extern-alien "SocketListener_activation_name"
                               (function (signed 32) (signed 32) system-area-pointer (signed 32)))
                 index
                 out
                 capacity))

(declaim (inline socket-listener-spawn-successor))
(defun socket-listener-spawn-successor (program arguments fds count pid)
  "Starts `program`, looked up in PATH if there is no slash in it as execvp(3) does, with `arguments` (the first is the program's name, NULL ends them) and the environment of this process, in which LISTEN_FDS, LISTEN_PID and SOCKETPOLL_READY_FD are set. The `count` descriptors `fds` become its 3, 4, ... and stay as they are here. All are required, nothing is kept. The child has no signal blocked; descriptors that are not close-on-exec reach it as well. Its process id goes to *pid (required); waitpid(2) it if it ends before this process. Returns a descriptor, yours to close and non-blocking, that becomes readable when the outcome is known: read(2) gives 1 byte when the successor is ready, and 0 if it ended or gave up before that. Blocks until execve(2) has worked or failed. SOCKET_ENOENT, SOCKET_EACCES and the like if it failed; SOCKET_EINVAL, SOCKET_EBADF, SOCKET_EMFILE, SOCKET_ENFILE, SOCKET_EAGAIN (fork(2)), SOCKET_ENOMEM; SOCKET_ENOTSUP on Windows (SOCKET_CAN_ACTIVATION). Any thread."
  (alien-funcall (extern-alien "SocketListener_spawn_successor"
                               (function (signed 32) (c-string :external-format :utf-8) system-area-pointer system-area-pointer (signed 32) system-area-pointer))
                 program
                 arguments
                 fds
                 count
                 pid))

(declaim (inline socket-listener-activation-ready))
(defun socket-listener-activation-ready ()
  "Tells the process that started this one as its successor, if one did, that it may stop. 0, also where there is none and from the second time on. Any thread."
  (alien-funcall (extern-alien "SocketListener_activation_ready"
                               (function (signed 32)))))

(declaim (inline socket-loop-new))
(defun socket-loop-new ()
  "A new loop over the best backend of the platform, or the one that the environment variable SOCKETPOLL_BACKEND names, or the one named here (SocketPoll_backend_at lists them; NULL: as SocketLoop_new). The caller frees it. It belongs to the calling thread. Any thread. NULL with SOCKET_ENOMEM, SOCKET_EMFILE, SOCKET_ENFILE, or SOCKET_ENOTSUP for an unknown name."
  (truly-the word (alien-funcall (extern-alien "SocketLoop_new"
                               (function (unsigned 64))))))

(declaim (inline socket-loop-new-backend))
(defun socket-loop-new-backend (name)
  "A new loop over the best backend of the platform, or the one that the environment variable SOCKETPOLL_BACKEND names, or the one named here (SocketPoll_backend_at lists them; NULL: as SocketLoop_new). The caller frees it. It belongs to the calling thread. Any thread. NULL with SOCKET_ENOMEM, SOCKET_EMFILE, SOCKET_ENFILE, or SOCKET_ENOTSUP for an unknown name."
  (truly-the word (alien-funcall (extern-alien "SocketLoop_new_backend"
                               (function (unsigned 64) (c-string :external-format :utf-8)))
                 name)))

(declaim (inline socket-loop-free))
(defun socket-loop-free (loop)
  "Frees the loop and everything that still stands on it: those handles are stale from here on, their sockets are closed, their undelivered events are dropped. Inside a callback of this loop it takes effect at once, and the running call returns SOCKET_ESTOPPED after the callback. NULL and a variable that holds NULL are accepted; the variable is nulled. Owner thread, or any thread while no thread runs the loop; otherwise nothing happens and SOCKET_EWRONGTHREAD is recorded."
  (alien-funcall (extern-alien "SocketLoop_free"
                               (function void system-area-pointer))
                 loop))

(declaim (inline socket-loop-claim))
(defun socket-loop-claim (loop)
  "Makes the calling thread the owner of a loop that no thread is running. 0, or SOCKET_EWRONGTHREAD while another thread runs it. Running a loop claims it as well."
  (alien-funcall (extern-alien "SocketLoop_claim"
                               (function (signed 32) (unsigned 64)))
                 loop))

(declaim (inline socket-loop-run))
(defun socket-loop-run (loop)
  "Runs the loop until SocketLoop_stop(), and returns 0. Blocks without using the processor while nothing happens. Events of handles without a callback stay queued for SocketLoop_wait(). SOCKET_EBUSY when called from inside a callback of the same loop; SOCKET_ESTOPPED when a callback freed the loop; SOCKET_ENOMEM, SOCKET_EIO and the like when waiting itself fails, with nothing lost. Claims the loop."
  (alien-funcall (extern-alien "SocketLoop_run"
                               (function (signed 32) (unsigned 64)))
                 loop))

(declaim (inline socket-loop-run-once))
(defun socket-loop-run-once (loop timeout-ms)
  "Runs the loop until something was delivered or queued, or timeout_ms have passed (0: looks once; -1: no limit). The number of events, 0 at the timeout, SOCKET_ESTOPPED after SocketLoop_stop(), SOCKET_EINVAL for less than -1; otherwise as SocketLoop_run."
  (alien-funcall (extern-alien "SocketLoop_run_once"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 loop
                 timeout-ms))

(declaim (inline socket-loop-wait))
(defun socket-loop-wait (loop out capacity timeout-ms)
  "Pull delivery: runs the loop until at least one event of a handle without a callback is there, and writes up to `capacity` of them into `out` (required, yours), oldest first for each handle. More stay queued. Callbacks of other handles run meanwhile. Bytes of the previous call's events are invalid from here on. The count; 0 when timeout_ms passed first (0: looks once; -1: no limit); SOCKET_ESTOPPED after SocketLoop_stop(), with what is queued left for the next wait; SOCKET_EINVAL for NULL, capacity < 1 or timeout_ms < -1; otherwise as SocketLoop_run."
  (alien-funcall (extern-alien "SocketLoop_wait"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 32) (signed 32)))
                 loop
                 out
                 capacity
                 timeout-ms))

(declaim (inline socket-loop-stop))
(defun socket-loop-stop (loop)
  "Ends the present run, run_once or wait after the callback that is running, or the next one if none runs; one of them, however often it is called meanwhile. What it kept from being delivered comes in the next. Any thread. 0."
  (alien-funcall (extern-alien "SocketLoop_stop"
                               (function (signed 32) (unsigned 64)))
                 loop))

(declaim (inline socket-loop-post))
(defun socket-loop-post (loop callback user)
  "Has the loop's thread call `callback` with a SOCKET_POSTED event and `user`; where callback is NULL, the event is pulled. Posts of one thread arrive in their order. `user` is kept, not touched; posts still queued when the loop is freed are dropped. Any thread. 0 or SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketLoop_post"
                               (function (signed 32) (unsigned 64) system-area-pointer (unsigned 64)))
                 loop
                 callback
                 user))

(declaim (inline socket-loop-now))
(defun socket-loop-now (loop)
  "The loop's time in milliseconds: CLOCK_MONOTONIC, read once a turn."
  (alien-funcall (extern-alien "SocketLoop_now"
                               (function (signed 64) (unsigned 64)))
                 loop))

(declaim (inline socket-loop-get-fd))
(defun socket-loop-get-fd (loop)
  "For a foreign loop that drives this one: a descriptor that is readable (it is level-triggered) when the kernel or another thread has something for SocketLoop_run_once or SocketLoop_wait (the library's; never close it), or SOCKET_ENOTSUP with the poll backend; and the milliseconds until the next timer or queued work is due (0: now; -1: none). The foreign loop asks for the time anew each time before it sleeps, because whatever the program calls may change it, and then calls SocketLoop_run_once or SocketLoop_wait with a timeout of 0.  Events that wait to be pulled are work for SocketLoop_wait alone, so they count as due, unless the loop was driven by SocketLoop_run_once or SocketLoop_run last: those would find nothing to do, again and again. examples/embed_libuv.c, embed_libevent.c and embed_glib.c show the use."
  (alien-funcall (extern-alien "SocketLoop_get_fd"
                               (function (signed 32) (unsigned 64)))
                 loop))

(declaim (inline socket-loop-get-timeout))
(defun socket-loop-get-timeout (loop)
  "For a foreign loop that drives this one: a descriptor that is readable (it is level-triggered) when the kernel or another thread has something for SocketLoop_run_once or SocketLoop_wait (the library's; never close it), or SOCKET_ENOTSUP with the poll backend; and the milliseconds until the next timer or queued work is due (0: now; -1: none). The foreign loop asks for the time anew each time before it sleeps, because whatever the program calls may change it, and then calls SocketLoop_run_once or SocketLoop_wait with a timeout of 0.  Events that wait to be pulled are work for SocketLoop_wait alone, so they count as due, unless the loop was driven by SocketLoop_run_once or SocketLoop_run last: those would find nothing to do, again and again. examples/embed_libuv.c, embed_libevent.c and embed_glib.c show the use."
  (alien-funcall (extern-alien "SocketLoop_get_timeout"
                               (function (signed 32) (unsigned 64)))
                 loop))

(declaim (inline socket-loop-get-stat))
(defun socket-loop-get-stat (loop which)
  "One of these, enum SocketStat. The numbers of a loop that runs meanwhile are of slightly different moments. SOCKET_STAT_LONGEST_NS counts what the program does between two calls of SocketLoop_wait or SocketLoop_run_once, too, but nothing before a call whose timeout is 0: there a foreign loop may have slept. It and SOCKET_STAT_WAIT_NS are taken in turns with a timer running (a deadline is one): others do not look at the clock. Any thread. SOCKET_EINVAL for a number that is none of these."
  (alien-funcall (extern-alien "SocketLoop_get_stat"
                               (function (signed 64) (unsigned 64) (signed 32)))
                 loop
                 which))

(declaim (inline socket-loop-get-backend-name))
(defun socket-loop-get-backend-name (loop)
  "\"epoll\", \"poll\": what SocketPoll_get_backend_name() says of the loop's poll. Static string."
  (text-at (alien-funcall (extern-alien "SocketLoop_get_backend_name"
                               (function system-area-pointer (unsigned 64)))
                 loop)))

(declaim (inline socket-pipeline-new))
(defun socket-pipeline-new (loop)
  "An empty pipeline. The caller frees it; freeing the loop does so as well. NULL with SOCKET_ENOMEM."
  (truly-the word (alien-funcall (extern-alien "SocketPipeline_new"
                               (function (unsigned 64) (unsigned 64)))
                 loop)))

(declaim (inline socket-pipeline-free))
(defun socket-pipeline-free (pipeline)
  "Ends it without an event, as SocketPipeline_cancel would, and frees it. NULL accepted; the variable is nulled."
  (alien-funcall (extern-alien "SocketPipeline_free"
                               (function void system-area-pointer))
                 pipeline))

(declaim (inline socket-pipeline-set-callback))
(defun socket-pipeline-set-callback (pipeline callback user)
  "SOCKET_PROGRESS and SOCKET_FINISHED go to `callback` with `user` (kept, not touched), or are pulled if it is NULL. 0."
  (alien-funcall (extern-alien "SocketPipeline_set_callback"
                               (function (signed 32) (unsigned 64) system-area-pointer (unsigned 64)))
                 pipeline
                 callback
                 user))

(declaim (inline socket-pipeline-from-file))
(defun socket-pipeline-from-file (pipeline path offset length)
  "`length` bytes of a file from `offset` on, or, with -1, all up to its end. A file that ends before `length` bytes ends the pipeline with SOCKET_EIO. It is opened at once: SOCKET_ENOENT, SOCKET_EACCES, SOCKET_EISDIR, SOCKET_ENOTSUP... open(2), pread(2)."
  (alien-funcall (extern-alien "SocketPipeline_from_file"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8) (signed 64) (signed 64)))
                 pipeline
                 path
                 offset
                 length))

(declaim (inline socket-pipeline-from-fd))
(defun socket-pipeline-from-fd (pipeline fd offset length)
  "The same of an open file, which is duplicated: `fd` may be closed, and its position is not used, though on Windows moved. There `fd` is the value of a HANDLE (SocketPoll.h). SOCKET_EBADF..."
  (alien-funcall (extern-alien "SocketPipeline_from_fd"
                               (function (signed 32) (unsigned 64) (signed 32) (signed 64) (signed 64)))
                 pipeline
                 fd
                 offset
                 length))

(declaim (inline socket-pipeline-from-stream))
(defun socket-pipeline-from-stream (pipeline stream)
  "All that a stream receives, up to its end. Looked up by SocketPipeline_start."
  (alien-funcall (extern-alien "SocketPipeline_from_stream"
                               (function (signed 32) (unsigned 64) (unsigned 64)))
                 pipeline
                 stream))

(declaim (inline socket-pipeline-from-memory))
(defun socket-pipeline-from-memory (pipeline data length)
  "`length` bytes of memory, lent until the pipeline has ended or is freed."
  (alien-funcall (extern-alien "SocketPipeline_from_memory"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 64)))
                 pipeline
                 data
                 length))

(declaim (inline socket-pipeline-from-callback))
(defun socket-pipeline-from-callback (pipeline pull user)
  "What `pull` (required) writes."
  (alien-funcall (extern-alien "SocketPipeline_from_callback"
                               (function (signed 32) (unsigned 64) system-area-pointer (unsigned 64)))
                 pipeline
                 pull
                 user))

(declaim (inline socket-pipeline-to-file))
(defun socket-pipeline-to-file (pipeline path existing)
  "A file: `existing` is one of SOCKET_FILE_*. Opened at once, with the errors of open(2). When the pipeline has finished, the kernel has it; fsync(2) is the program's. A pipeline that fails leaves what was written."
  (alien-funcall (extern-alien "SocketPipeline_to_file"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8) (signed 32)))
                 pipeline
                 path
                 existing))

(declaim (inline socket-pipeline-to-fd))
(defun socket-pipeline-to-fd (pipeline fd)
  "An open file, duplicated, from its position on, which moves."
  (alien-funcall (extern-alien "SocketPipeline_to_fd"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 pipeline
                 fd))

(declaim (inline socket-pipeline-to-stream))
(defun socket-pipeline-to-stream (pipeline stream)
  "A stream, behind what it has queued already; finished when the kernel has taken the last byte. Looked up by SocketPipeline_start."
  (alien-funcall (extern-alien "SocketPipeline_to_stream"
                               (function (signed 32) (unsigned 64) (unsigned 64)))
                 pipeline
                 stream))

(declaim (inline socket-pipeline-to-buf))
(defun socket-pipeline-to-buf (pipeline buf)
  "Appends to a buffer, which is kept alive. It has to grow as far as it must: SOCKET_ELIMIT or SOCKET_ENOBUFS when it cannot, SOCKET_EBUSY when an operation or another thread has it."
  (alien-funcall (extern-alien "SocketPipeline_to_buf"
                               (function (signed 32) (unsigned 64) (unsigned 64)))
                 pipeline
                 buf))

(declaim (inline socket-pipeline-to-callback))
(defun socket-pipeline-to-callback (pipeline push user)
  "Hands each piece or unit to `push` (required)."
  (alien-funcall (extern-alien "SocketPipeline_to_callback"
                               (function (signed 32) (unsigned 64) system-area-pointer (unsigned 64)))
                 pipeline
                 push
                 user))

(declaim (inline socket-pipeline-add-limit))
(defun socket-pipeline-add-limit (pipeline bytes strict)
  "Lets `bytes` (0 or more) pass. After them the pipeline ends well, and the rest is not read; or, with `strict` 1, ends with SOCKET_ELIMIT if there is more. 0."
  (alien-funcall (extern-alien "SocketPipeline_add_limit"
                               (function (signed 32) (unsigned 64) (signed 64) (signed 32)))
                 pipeline
                 bytes
                 strict))

(declaim (inline socket-pipeline-add-count))
(defun socket-pipeline-add-count (pipeline)
  "Counts what passes here. Returns the number of the counter, 0 for the first."
  (alien-funcall (extern-alien "SocketPipeline_add_count"
                               (function (signed 32) (unsigned 64)))
                 pipeline))

(declaim (inline socket-pipeline-get-count))
(defun socket-pipeline-get-count (pipeline counter)
  "What that counter says, also after the end. SOCKET_EINVAL: there is none of that number."
  (alien-funcall (extern-alien "SocketPipeline_get_count"
                               (function (signed 64) (unsigned 64) (signed 32)))
                 pipeline
                 counter))

(declaim (inline socket-pipeline-add-lines))
(defun socket-pipeline-add-lines (pipeline max-bytes keep-ends)
  "Makes a unit of each line, of at most `max_bytes` (1 to SOCKET_PIPELINE_MAX_UNIT) without its end, LF or CR LF: with `keep_ends` 1 the end is part of the unit, so that no byte is changed, with 0 it is dropped. The last line may lack it. A longer line ends the pipeline with SOCKET_ELIMIT. 0."
  (alien-funcall (extern-alien "SocketPipeline_add_lines"
                               (function (signed 32) (unsigned 64) (signed 64) (signed 32)))
                 pipeline
                 max-bytes
                 keep-ends))

(declaim (inline socket-pipeline-add-length-decode))
(defun socket-pipeline-add-length-decode (pipeline prefix-bytes max-bytes)
  "Makes a unit of what follows each length of 1, 2 or 4 bytes in network order, without it. Longer than `max_bytes` (1 to SOCKET_PIPELINE_MAX_UNIT) is SOCKET_ELIMIT, an end inside of a unit SOCKET_EPROTOCOL. 0."
  (alien-funcall (extern-alien "SocketPipeline_add_length_decode"
                               (function (signed 32) (unsigned 64) (signed 32) (signed 64)))
                 pipeline
                 prefix-bytes
                 max-bytes))

(declaim (inline socket-pipeline-add-length-encode))
(defun socket-pipeline-add-length-encode (pipeline prefix-bytes max-bytes)
  "Puts such a length before each unit. Longer ones than `max_bytes` or than the prefix can say are SOCKET_ELIMIT. What comes in no units is cut at these sizes. 0."
  (alien-funcall (extern-alien "SocketPipeline_add_length_encode"
                               (function (signed 32) (unsigned 64) (signed 32) (signed 64)))
                 pipeline
                 prefix-bytes
                 max-bytes))

(declaim (inline socket-pipeline-add-transform))
(defun socket-pipeline-add-transform (pipeline transform user)
  "A transform of the program's own (required). 0. If it neither takes nor emits anything though more bytes wait for it than the high mark: SOCKET_ELIMIT."
  (alien-funcall (extern-alien "SocketPipeline_add_transform"
                               (function (signed 32) (unsigned 64) system-area-pointer (unsigned 64)))
                 pipeline
                 transform
                 user))

(declaim (inline socket-pipeline-emit))
(defun socket-pipeline-emit (pipeline data length)
  "Hands on a unit of `length` bytes, copied; only from inside a SocketTransform_T (SOCKET_ESTATE). 0; SOCKET_EAGAIN: something was emitted before and has to go first, this was not taken; SOCKET_EINVAL, SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketPipeline_emit"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 64)))
                 pipeline
                 data
                 length))

(declaim (inline socket-pipeline-add-limiter))
(defun socket-pipeline-add-limiter (pipeline limiter)
  "Lets no more bytes pass than the limiter gives. Units are not divided: one that is larger than what is there passes whole, and the next one waits until that has been made up for. 0."
  (alien-funcall (extern-alien "SocketPipeline_add_limiter"
                               (function (signed 32) (unsigned 64) (unsigned 64)))
                 pipeline
                 limiter))

(declaim (inline socket-pipeline-set-high-mark))
(defun socket-pipeline-set-high-mark (pipeline bytes)
  "How many bytes may wait for a sink stream, and in a custom transform. SOCKET_EINVAL under 1."
  (alien-funcall (extern-alien "SocketPipeline_set_high_mark"
                               (function (signed 32) (unsigned 64) (signed 64)))
                 pipeline
                 bytes))

(declaim (inline socket-pipeline-set-progress))
(defun socket-pipeline-set-progress (pipeline every-bytes)
  "SOCKET_PROGRESS each time that the sink has got so many bytes more, as far as they are delivered; 0, the default: never. SOCKET_EINVAL if negative."
  (alien-funcall (extern-alien "SocketPipeline_set_progress"
                               (function (signed 32) (unsigned 64) (signed 64)))
                 pipeline
                 every-bytes))

(declaim (inline socket-pipeline-set-zero-copy))
(defun socket-pipeline-set-zero-copy (pipeline on)
  "0: the bytes go through the program's memory even where the kernel could move them; 1 is the default."
  (alien-funcall (extern-alien "SocketPipeline_set_zero_copy"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 pipeline
                 on))

(declaim (inline socket-pipeline-start))
(defun socket-pipeline-start (pipeline)
  "Starts it. 0; SOCKET_ESTATE: it has no source or no sink, or has been started before; SOCKET_EBADHANDLE: a stream has been freed; SOCKET_EINVAL: it is another loop's; SOCKET_EBUSY, SOCKET_ESTATE, SOCKET_ECLOSED, SOCKET_ENOTCONN: what SocketAsync_read and SocketAsync_write would say of it. After such a failure it may be started again."
  (alien-funcall (extern-alien "SocketPipeline_start"
                               (function (signed 32) (unsigned 64)))
                 pipeline))

(declaim (inline socket-async-pipeline))
(defun socket-async-pipeline (pipeline timeout-ms)
  "The same, with its end as a future's outcome instead of SOCKET_FINISHED: the result is how many bytes the sink has got. timeout_ms: how long it may take in all, -1 for ever. Canceling or freeing the future cancels the pipeline, which is still to be freed. The caller frees the future. NULL with the same codes, SOCKET_EINVAL (timeout_ms < -1) or SOCKET_ENOMEM."
  (truly-the word (alien-funcall (extern-alien "SocketAsync_pipeline"
                               (function (unsigned 64) (unsigned 64) (signed 32)))
                 pipeline
                 timeout-ms)))

(declaim (inline socket-pipeline-pause))
(defun socket-pipeline-pause (pipeline)
  "Takes nothing from the source until SocketPipeline_resume. What the sink stream has got goes out. Both, in any state: 0."
  (alien-funcall (extern-alien "SocketPipeline_pause"
                               (function (signed 32) (unsigned 64)))
                 pipeline))

(declaim (inline socket-pipeline-resume))
(defun socket-pipeline-resume (pipeline)
  "Takes nothing from the source until SocketPipeline_resume. What the sink stream has got goes out. Both, in any state: 0."
  (alien-funcall (extern-alien "SocketPipeline_resume"
                               (function (signed 32) (unsigned 64)))
                 pipeline))

(declaim (inline socket-pipeline-cancel))
(defun socket-pipeline-cancel (pipeline)
  "Ends it now with SOCKET_ECANCELED: lent memory is not touched any more. What the sink has got stays with it. 0, also if it has ended already; SOCKET_ESTATE: never started."
  (alien-funcall (extern-alien "SocketPipeline_cancel"
                               (function (signed 32) (unsigned 64)))
                 pipeline))

(declaim (inline socket-pipeline-get-written))
(defun socket-pipeline-get-written (pipeline)
  "Bytes that the sink has got, and bytes that were taken from the source, also after the end."
  (alien-funcall (extern-alien "SocketPipeline_get_written"
                               (function (signed 64) (unsigned 64)))
                 pipeline))

(declaim (inline socket-pipeline-get-taken))
(defun socket-pipeline-get-taken (pipeline)
  "Bytes that the sink has got, and bytes that were taken from the source, also after the end."
  (alien-funcall (extern-alien "SocketPipeline_get_taken"
                               (function (signed 64) (unsigned 64)))
                 pipeline))

(declaim (inline socket-pipeline-get-zero-copy))
(defun socket-pipeline-get-zero-copy (pipeline)
  "1 if the kernel moves the bytes, known once it is started; otherwise 0."
  (alien-funcall (extern-alien "SocketPipeline_get_zero_copy"
                               (function (signed 32) (unsigned 64)))
                 pipeline))

(declaim (inline socket-platform-name))
(defun socket-platform-name ()
  "\"linux\", \"macos\", \"freebsd\", \"netbsd\", \"openbsd\", \"windows\", or \"posix\" for any other. Static string. Any thread; never fails."
  (text-at (alien-funcall (extern-alien "SocketPlatform_name"
                               (function system-area-pointer)))))

(declaim (inline socket-platform-capabilities))
(defun socket-platform-capabilities ()
  "The SOCKET_CAN_* bits that hold on this system, found out once where the version of the system decides. Any thread; never fails."
  (alien-funcall (extern-alien "SocketPlatform_capabilities"
                               (function (signed 32)))))

(declaim (inline socket-platform-capability-name))
(defun socket-platform-capability-name (capability)
  "The name of one of those bits, as `socketpoll info` prints it (\"unix-sockets\"); NULL with SOCKET_EINVAL for anything else, sums included. Static string. Any thread."
  (text-at (alien-funcall (extern-alien "SocketPlatform_capability_name"
                               (function system-area-pointer (signed 32)))
                 capability)))

(declaim (inline socket-poll-new))
(defun socket-poll-new (max-events)
  "Makes a poll over $SOCKETPOLL_BACKEND if that is set and not empty, otherwise over the platform's best backend. `max_events` bounds the events of one wait, not the registrations; 0 is the default of 256, more than 65536 counts as 65536. The caller frees the poll. NULL: EINVAL (max_events negative), EOPNOTSUPP (no such backend), EMFILE, ENFILE, ENOMEM."
  (truly-the word (alien-funcall (extern-alien "SocketPoll_new"
                               (function (unsigned 64) (signed 32)))
                 max-events)))

(declaim (inline socket-poll-new-backend))
(defun socket-poll-new-backend (name max-events)
  "The same over the backend of that name (\"epoll\", \"kqueue\", \"poll\", \"iocp\"); NULL `name` is SocketPoll_new."
  (truly-the word (alien-funcall (extern-alien "SocketPoll_new_backend"
                               (function (unsigned 64) (c-string :external-format :utf-8) (signed 32)))
                 name
                 max-events)))

(declaim (inline socket-poll-free))
(defun socket-poll-free (poll)
  "Ends *poll and sets it to NULL; NULL, or a variable that holds NULL, is accepted. Descriptors stay open: they are the caller's. Threads blocked in SocketPoll_wait return -1 with EINVAL. Safe while any thread, the caller too, still reads the events of its last wait."
  (alien-funcall (extern-alien "SocketPoll_free"
                               (function void system-area-pointer))
                 poll))

(declaim (inline socket-poll-add))
(defun socket-poll-add (poll fd events data)
  "Registers an open descriptor. `events` is any sum of the bits above, 0 included (errors and hangups alone); `data` is kept, not looked into, and may be NULL. The caller closes `fd`, best after SocketPoll_del. A number that was closed and is now another file is a new registration, which the old one's events never reach. The poll backend tells two files apart by device and inode, so it takes one eventfd, timerfd or the like under another's number for the same. -1: EBADF (not open), EEXIST (already registered), EPERM (a regular file or a directory), EINVAL (unknown bits; EXCLUSIVE with ONESHOT or PEER_CLOSED; the poll's own descriptor), ELOOP (polls that watch one another), ENOSPC (the limit of SocketPoll_setmaxregistered, or the system's), ENOMEM. See epoll_ctl(2)."
  (alien-funcall (extern-alien "SocketPoll_add"
                               (function (signed 32) (unsigned 64) (signed 32) (signed 32) (unsigned 64)))
                 poll
                 fd
                 events
                 data))

(declaim (inline socket-poll-mod))
(defun socket-poll-mod (poll fd events data)
  "Replaces bits and data, and arms anew: a condition that holds now is reported again, and a one-shot that has fired may fire once more. -1: ENOENT (open but not registered, or the number is another file now), EBADF (not open), EINVAL (bits as above), ENOMEM."
  (alien-funcall (extern-alien "SocketPoll_mod"
                               (function (signed 32) (unsigned 64) (signed 32) (signed 32) (unsigned 64)))
                 poll
                 fd
                 events
                 data))

(declaim (inline socket-poll-modify-events))
(defun socket-poll-modify-events (poll fd add-events remove-events)
  "Sets `add_events`, then clears `remove_events`, keeps the data and arms anew. Errors as for mod."
  (alien-funcall (extern-alien "SocketPoll_modify_events"
                               (function (signed 32) (unsigned 64) (signed 32) (signed 32) (signed 32)))
                 poll
                 fd
                 add-events
                 remove-events))

(declaim (inline socket-poll-del))
(defun socket-poll-del (poll fd)
  "Drops a registration; succeeds as well after the fd was closed or its number taken anew. Another thread's batch, and the rest of the caller's own, may still hold an event of it. -1: ENOENT (open but not registered), EBADF (neither)."
  (alien-funcall (extern-alien "SocketPoll_del"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 poll
                 fd))

(declaim (inline socket-poll-wait))
(defun socket-poll-wait (poll events timeout-ms)
  "Waits until something is ready and points *events at the events, one for each ready fd. The array is the library's and lives until the calling thread's next wait on this poll or, once the poll has been freed, on any other. When more is ready than one wait may give, the next waits give the rest in turn. `timeout_ms`: 0 looks and returns, SOCKET_POLL_TIMEOUT_INFINITE, _USE_DEFAULT, or milliseconds of CLOCK_MONOTONIC. Signals do not end the wait. Returns how many; 0 once the time is up, never before, or after a wakeup. -1: EINVAL (`events` NULL, a timeout below -2, or the poll freed meanwhile), ENOMEM, and where a descriptor is needed that cannot be had EMFILE or ENFILE: the poll backend takes one for each thread that waits, and epoll one for a moment to leave behind a file whose fd was closed before del while a duplicate keeps it alive."
  (alien-funcall (extern-alien "SocketPoll_wait"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 32)))
                 poll
                 events
                 timeout-ms))

(declaim (inline socket-poll-wakeup))
(defun socket-poll-wakeup (poll)
  "Makes one wait return early, with whatever is ready or with 0: a blocked one or, where none is, the next. Each call counts for one wait. Signals do not end a wait, but a signal handler may call this, unless the poll is being freed; it must keep errno as it was. -1: EINVAL."
  (alien-funcall (extern-alien "SocketPoll_wakeup"
                               (function (signed 32) (unsigned 64)))
                 poll))

(declaim (inline socket-poll-get-backend-name))
(defun socket-poll-get-backend-name (poll)
  "The backend's name, a static string; NULL with EINVAL for a bad handle."
  (text-at (alien-funcall (extern-alien "SocketPoll_get_backend_name"
                               (function system-area-pointer (unsigned 64)))
                 poll)))

(declaim (inline socket-poll-get-capabilities))
(defun socket-poll-get-capabilities (poll)
  "The SOCKET_POLL_CAN_* bits of this poll's backend. -1: EINVAL."
  (alien-funcall (extern-alien "SocketPoll_get_capabilities"
                               (function (signed 32) (unsigned 64)))
                 poll))

(declaim (inline socket-poll-get-fd))
(defun socket-poll-get-fd (poll)
  "A descriptor for embedding in a foreign loop: readable while a wait of 0 ms would return at once. It belongs to the poll: watch it, do not read or close it. It stays the same number, but a foreign epoll must add it again after the poll has left a closed, duplicated level-triggered fd behind (see SocketPoll_wait; avoided by del before close). -1: EOPNOTSUPP (no SOCKET_POLL_CAN_POLLABLE_FD), EINVAL."
  (alien-funcall (extern-alien "SocketPoll_get_fd"
                               (function (signed 32) (unsigned 64)))
                 poll))

(declaim (inline socket-poll-getdefaulttimeout))
(defun socket-poll-getdefaulttimeout (poll)
  "The timeout that SOCKET_POLL_TIMEOUT_USE_DEFAULT stands for, in milliseconds; at first SOCKET_POLL_TIMEOUT_INFINITE, so that a get that returns -1 has failed only if errno says so: set errno to 0 before. Set: -1 with EINVAL for a value below -1."
  (alien-funcall (extern-alien "SocketPoll_getdefaulttimeout"
                               (function (signed 32) (unsigned 64)))
                 poll))

(declaim (inline socket-poll-setdefaulttimeout))
(defun socket-poll-setdefaulttimeout (poll timeout-ms)
  "The timeout that SOCKET_POLL_TIMEOUT_USE_DEFAULT stands for, in milliseconds; at first SOCKET_POLL_TIMEOUT_INFINITE, so that a get that returns -1 has failed only if errno says so: set errno to 0 before. Set: -1 with EINVAL for a value below -1."
  (alien-funcall (extern-alien "SocketPoll_setdefaulttimeout"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 poll
                 timeout-ms))

(declaim (inline socket-poll-getregisteredcount))
(defun socket-poll-getregisteredcount (poll)
  "How many descriptors are registered, those closed without del included. -1: EINVAL."
  (alien-funcall (extern-alien "SocketPoll_getregisteredcount"
                               (function (signed 32) (unsigned 64)))
                 poll))

(declaim (inline socket-poll-get-registered-sockets))
(defun socket-poll-get-registered-sockets (poll fds max)
  "Writes the registered descriptors in ascending order into `fds`, at most `max`; returns how many were written. NULL with a `max` of 0 writes nothing and returns how many there are. -1: EINVAL (`max` negative, or NULL with another `max`)."
  (alien-funcall (extern-alien "SocketPoll_get_registered_sockets"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 32)))
                 poll
                 fds
                 max))

(declaim (inline socket-poll-getmaxregistered))
(defun socket-poll-getmaxregistered (poll)
  "How many descriptors may be registered; 0, the default, is no limit of the library's own. An add beyond it gives ENOSPC. Set: -1 with EINVAL for a negative limit or one below the present count."
  (alien-funcall (extern-alien "SocketPoll_getmaxregistered"
                               (function (signed 32) (unsigned 64)))
                 poll))

(declaim (inline socket-poll-setmaxregistered))
(defun socket-poll-setmaxregistered (poll limit)
  "How many descriptors may be registered; 0, the default, is no limit of the library's own. An add beyond it gives ENOSPC. Set: -1 with EINVAL for a negative limit or one below the present count."
  (alien-funcall (extern-alien "SocketPoll_setmaxregistered"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 poll
                 limit))

(declaim (inline socket-poll-backend-count))
(defun socket-poll-backend-count ()
  "The backends compiled in, best first, as static strings. At an index out of range: NULL with EINVAL."
  (alien-funcall (extern-alien "SocketPoll_backend_count"
                               (function (signed 32)))))

(declaim (inline socket-poll-backend-at))
(defun socket-poll-backend-at (index)
  "The backends compiled in, best first, as static strings. At an index out of range: NULL with EINVAL."
  (text-at (alien-funcall (extern-alien "SocketPoll_backend_at"
                               (function system-area-pointer (signed 32)))
                 index)))

(declaim (inline socket-poll-backend-capabilities))
(defun socket-poll-backend-capabilities (name)
  "The SOCKET_POLL_CAN_* bits of the backend of that name. -1: EINVAL (NULL), EOPNOTSUPP (no such backend)."
  (alien-funcall (extern-alien "SocketPoll_backend_capabilities"
                               (function (signed 32) (c-string :external-format :utf-8)))
                 name))

(declaim (inline socket-resolver-set-threads))
(defun socket-resolver-set-threads (threads queue)
  "How many threads look names up at the most, 1 to 64, and how many names may wait for one, 1 to 1000000; beyond that a lookup ends with SOCKET_ELIMIT. 0 or SOCKET_EINVAL. Any thread."
  (alien-funcall (extern-alien "SocketResolver_set_threads"
                               (function (signed 32) (signed 32) (signed 32)))
                 threads
                 queue))

(declaim (inline socket-resolver-set-cache))
(defun socket-resolver-set-cache (entries found-ms failed-ms)
  "How many names are remembered (0: none; the least recently used is forgotten first), and for how many milliseconds an answer and a failure hold (0: not at all). What is remembered already keeps its time. 0; SOCKET_EINVAL for a negative number or more than 1000000 entries; SOCKET_ENOMEM. Any thread."
  (alien-funcall (extern-alien "SocketResolver_set_cache"
                               (function (signed 32) (signed 32) (signed 32) (signed 32)))
                 entries
                 found-ms
                 failed-ms))

(declaim (inline socket-resolver-flush-cache))
(defun socket-resolver-flush-cache ()
  "Forgets all that is remembered. 0 or SOCKET_ENOMEM. Any thread."
  (alien-funcall (extern-alien "SocketResolver_flush_cache"
                               (function (signed 32)))))

(declaim (inline socket-resolver-get-address))
(defun socket-resolver-get-address (future index out capacity)
  "Writes address number `index`, from 0, as \"192.0.2.1\" or \"2001:db8::1\" with a final NUL into `out` (required, yours; 64 bytes are enough) and returns its length. SOCKET_ENOENT beyond the last, and for a future of another operation; SOCKET_EAGAIN while it has not ended; SOCKET_EINVAL if capacity is too small. Any thread."
  (alien-funcall (extern-alien "SocketResolver_get_address"
                               (function (signed 32) (unsigned 64) (signed 32) system-area-pointer (signed 32)))
                 future
                 index
                 out
                 capacity))

(declaim (inline socket-resolver-set-hook))
(defun socket-resolver-set-hook (loop hook cancel user)
  "From now on names of this loop are asked of `hook` (NULL: of the process's threads again) with `user` (kept, not touched); questions under way stay where they are. `cancel` may be NULL. Answers of a hook are not cached. 0."
  (alien-funcall (extern-alien "SocketResolver_set_hook"
                               (function (signed 32) (unsigned 64) system-area-pointer system-area-pointer (unsigned 64)))
                 loop
                 hook
                 cancel
                 user))

(declaim (inline socket-resolver-add-address))
(defun socket-resolver-add-address (query address)
  "An answer: a numeric address without a port, \"192.0.2.1\", \"2001:db8::1\" (copied), the best first. What is added in one turn of the loop is used together; a connection that is waiting begins with what there is, IPv4 alone 50 ms later than IPv6 (RFC 8305, 3). 0; SOCKET_EADDRESS (or NULL: SOCKET_EINVAL); SOCKET_EAFNOSUPPORT, not of the family that was asked for; SOCKET_ELIMIT, more than 64; SOCKET_ESTATE, after finish; SOCKET_ECANCELED, the cancel callback follows; SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketResolver_add_address"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8)))
                 query
                 address))

(declaim (inline socket-resolver-finish))
(defun socket-resolver-finish (query code)
  "No more addresses. `code`: 0, or, where none was added, why (SOCKET_ENONAME for 0). A query that was canceled meanwhile ends with this as well, without its cancel callback. 0; SOCKET_EINVAL for a number that is no failure; SOCKET_ESTATE if it was called before."
  (alien-funcall (extern-alien "SocketResolver_finish"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 query
                 code))

(declaim (inline socket-simulation-new))
(defun socket-simulation-new (seed)
  "A new world at time 0. The caller frees it. NULL with SOCKET_ENOMEM."
  (truly-the word (alien-funcall (extern-alien "SocketSimulation_new"
                               (function (unsigned 64) (unsigned 64)))
                 seed)))

(declaim (inline socket-simulation-free))
(defun socket-simulation-free (simulation)
  "Frees it and those of its loops that are still there. Not inside a callback of one of them (nothing happens then and SOCKET_EBUSY is recorded). NULL accepted; the variable is nulled."
  (alien-funcall (extern-alien "SocketSimulation_free"
                               (function void system-area-pointer))
                 simulation))

(declaim (inline socket-simulation-new-loop))
(defun socket-simulation-new-loop (simulation)
  "A loop in that world, whose backend's name is \"simulation\". The caller frees it, or the simulation does. NULL with SOCKET_ENOMEM."
  (truly-the word (alien-funcall (extern-alien "SocketSimulation_new_loop"
                               (function (unsigned 64) (unsigned 64)))
                 simulation)))

(declaim (inline socket-simulation-pair))
(defun socket-simulation-pair (loop-a loop-b a b)
  "Two streams connected with each other, without a listener. They deliver no SOCKET_CONNECTED. 0, SOCKET_EINVAL (NULL, or loops that are not of the same simulation), SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketSimulation_pair"
                               (function (signed 32) (unsigned 64) (unsigned 64) system-area-pointer system-area-pointer))
                 loop-a
                 loop-b
                 a
                 b))

(declaim (inline socket-simulation-run))
(defun socket-simulation-run (simulation max-ms)
  "Runs all loops of the world, in an order drawn from the seed, until nothing is left to happen (0), or max_ms of virtual time have passed (SOCKET_ETIMEDOUT; -1: no limit), or SocketLoop_stop was called on one (SOCKET_ESTOPPED). A single loop may be run with SocketLoop_run, SocketLoop_wait and SocketFuture_await as well: waiting is what makes time pass. SOCKET_EINVAL (less than -1), SOCKET_EBUSY inside a callback."
  (alien-funcall (extern-alien "SocketSimulation_run"
                               (function (signed 32) (unsigned 64) (signed 64)))
                 simulation
                 max-ms))

(declaim (inline socket-simulation-get-time))
(defun socket-simulation-get-time (simulation)
  "Virtual nanoseconds since the beginning."
  (alien-funcall (extern-alien "SocketSimulation_get_time"
                               (function (signed 64) (unsigned 64)))
                 simulation))

(declaim (inline socket-simulation-set-delay))
(defun socket-simulation-set-delay (simulation min-us max-us)
  "How long what is sent is on its way, in microseconds: drawn anew for each piece, which never overtakes another of its connection. SOCKET_EINVAL unless 0 <= min_us <= max_us."
  (alien-funcall (extern-alien "SocketSimulation_set_delay"
                               (function (signed 32) (unsigned 64) (signed 32) (signed 32)))
                 simulation
                 min-us
                 max-us))

(declaim (inline socket-simulation-set-loss))
(defun socket-simulation-set-loss (simulation per-million)
  "Of a million pieces sent, how many break their connection instead of arriving: both ends see a reset. 0, the default: none. SOCKET_EINVAL outside 0 to 1000000."
  (alien-funcall (extern-alien "SocketSimulation_set_loss"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 simulation
                 per-million))

(declaim (inline socket-simulation-set-piece))
(defun socket-simulation-set-piece (simulation max-bytes)
  "The most that one send or receive moves: a number from 1 to max_bytes, drawn for each call. 0, the default: as much as there is room for. SOCKET_EINVAL if negative."
  (alien-funcall (extern-alien "SocketSimulation_set_piece"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 simulation
                 max-bytes))

(declaim (inline socket-simulation-set-buffer))
(defun socket-simulation-set-buffer (simulation bytes)
  "Bytes that may be on their way to a receiver or unread by it. SOCKET_EINVAL under 1."
  (alien-funcall (extern-alien "SocketSimulation_set_buffer"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 simulation
                 bytes))

(declaim (inline socket-simulation-set-reordering))
(defun socket-simulation-set-reordering (simulation on)
  "1, the default: ready descriptors are reported in a random order, and some of them later than they might be. 0: all of them, in the order of their numbers."
  (alien-funcall (extern-alien "SocketSimulation_set_reordering"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 simulation
                 on))

(declaim (inline socket-simulation-break))
(defun socket-simulation-break (stream)
  "Resets the connection of a simulated stream now, at both ends. 0, or SOCKET_ENOTSUP for a stream of no simulation, SOCKET_ECLOSED."
  (alien-funcall (extern-alien "SocketSimulation_break"
                               (function (signed 32) (unsigned 64)))
                 stream))

(declaim (inline socket-simulation-random))
(defun socket-simulation-random (simulation below)
  "A number from 0 to below - 1 for the program's own choices, from the same seed and independent of what the network draws. SOCKET_EINVAL if below < 1."
  (alien-funcall (extern-alien "SocketSimulation_random"
                               (function (signed 64) (unsigned 64) (signed 64)))
                 simulation
                 below))

(declaim (inline socket-simulation-get-digest))
(defun socket-simulation-get-digest (simulation)
  "A hash of everything that has happened in the network so far and when, 0 or more: two runs with the same digest were the same."
  (alien-funcall (extern-alien "SocketSimulation_get_digest"
                               (function (signed 64) (unsigned 64)))
                 simulation))

(declaim (inline socket-simulation-get-open))
(defun socket-simulation-get-open (simulation)
  "Simulated sockets that are open: 0 when nothing leaks."
  (alien-funcall (extern-alien "SocketSimulation_get_open"
                               (function (signed 32) (unsigned 64)))
                 simulation))

(declaim (inline socket-stream-connect))
(defun socket-stream-connect (loop address timeout-ms)
  "Connects to a unix socket, \"unix:/path\" or \"unix:@name\" (abstract, Linux), or to \"host:port\": a number, \"127.0.0.1:80\" or \"[::1]:80\", or a name, which is looked up without blocking (SocketResolver.h). Of several addresses the first is tried at once and the next ones 250 ms later each, or as soon as one fails, IPv6 and IPv4 in turn; the first that connects is taken (Happy Eyeballs, RFC 8305). The outcome is an event: SOCKET_CONNECTED, or SOCKET_CLOSED with SOCKET_ECONNREFUSED, SOCKET_ETIMEDOUT (the kernel's, or timeout_ms passed, which counts the lookup; -1: none of ours), SOCKET_ENONAME, SOCKET_ENAMESERVER, SOCKET_ENETUNREACH, SOCKET_EHOSTUNREACH, SOCKET_EMFILE and the like; of unix sockets SOCKET_ENOENT, SOCKET_EACCES, SOCKET_ENOTDIR, SOCKET_ELOOP, and SOCKET_ECONNREFUSED: nobody accepts streams there. While such a socket's backlog is full it is tried again until timeout_ms have passed. The caller frees the handle; freeing the loop does so as well. connect(2). NULL with SOCKET_EADDRESS, SOCKET_EPORT, SOCKET_ENAMETOOLONG (also a path over sun_path, unix(7)), SOCKET_ENOMEM, SOCKET_EINVAL (timeout_ms < -1) or SOCKET_ENOTSUP (no abstract names here, or a simulated loop, which has only TCP)."
  (truly-the word (alien-funcall (extern-alien "SocketStream_connect"
                               (function (unsigned 64) (unsigned 64) (c-string :external-format :utf-8) (signed 32)))
                 loop
                 address
                 timeout-ms)))

(declaim (inline socket-stream-new-fd))
(defun socket-stream-new-fd (loop fd)
  "A stream over a descriptor that is open already: a connected stream socket (TCP, unix), a pipe, a FIFO or a terminal. On success the descriptor is the stream's, which closes it; if this fails it stays yours, untouched. It delivers no SOCKET_CONNECTED. Directions that the descriptor was not opened for give SOCKET_ESTATE. A terminal whose other side is gone has come to its end, SOCKET_EOF. Of a pipe without a reader only a write tells, SOCKET_EPIPE.  A stream never blocks, and O_NONBLOCK belongs to the open file description, which other processes may share: a shell's terminal, the other commands of a pipeline. A pipe, FIFO or terminal is therefore opened anew, by /proc/self/fd or the terminal's name, and takes the old one's place under the same number: the shared description stays as it was, but what this process's children inherit is non-blocking. Where that cannot be done (sockets, the controlling side of a terminal, a FIFO that all writers have left, no right to open it) the flag is set on the shared description and taken back when the stream is freed. To keep your own descriptor, hand over a dup(2) of it.  On Windows `fd` is a SOCKET, as everywhere (SocketPoll.h); its pipes and consoles are nothing that can be waited for.  NULL with SOCKET_EBADF, SOCKET_EPERM (a regular file, a folder, a device that is no terminal: nothing that can be waited for), SOCKET_EINVAL (a listening socket), SOCKET_ENOTCONN, SOCKET_ENOTSUP (a socket of datagrams or packets; a simulated loop), SOCKET_EAFNOSUPPORT (another family) or SOCKET_ENOMEM."
  (truly-the word (alien-funcall (extern-alien "SocketStream_new_fd"
                               (function (unsigned 64) (unsigned 64) (signed 32)))
                 loop
                 fd)))

(declaim (inline socket-stream-new-socketpair))
(defun socket-stream-new-socketpair (loop loop-b a b)
  "Two unix sockets, each other's peers: *a on `loop`, *b on `loop_b`, or on `loop` if that is NULL. On Windows they are two TCP sockets of 127.0.0.1, which carry no descriptors and name no peer. Both loops are the calling thread's. a and b are required, and left alone on failure; the caller frees both streams. socketpair(2). 0, SOCKET_EINVAL, SOCKET_EMFILE, SOCKET_ENFILE, SOCKET_ENOMEM or SOCKET_ENOTSUP (a simulated loop)."
  (alien-funcall (extern-alien "SocketStream_new_socketpair"
                               (function (signed 32) (unsigned 64) (unsigned 64) system-area-pointer system-area-pointer))
                 loop
                 loop-b
                 a
                 b))

(declaim (inline socket-stream-new-pipe))
(defun socket-stream-new-pipe (loop reader writer)
  "The two ends of a pipe, in the same way. pipe2(2). SOCKET_ENOTSUP on Windows (SOCKET_CAN_PIPES)."
  (alien-funcall (extern-alien "SocketStream_new_pipe"
                               (function (signed 32) (unsigned 64) system-area-pointer system-area-pointer))
                 loop
                 reader
                 writer))

(declaim (inline socket-stream-free))
(defun socket-stream-free (stream)
  "Closes the socket at once, dropping output that is still queued, and frees the handle; use SocketStream_close first where that output matters. NULL accepted; the variable is nulled."
  (alien-funcall (extern-alien "SocketStream_free"
                               (function void system-area-pointer))
                 stream))

(declaim (inline socket-stream-set-callback))
(defun socket-stream-set-callback (stream callback user)
  "The stream's events go to `callback` with `user` (kept, not touched), or are pulled with `user` if callback is NULL. An accepted stream starts in pull delivery."
  (alien-funcall (extern-alien "SocketStream_set_callback"
                               (function (signed 32) (unsigned 64) system-area-pointer (unsigned 64)))
                 stream
                 callback
                 user))

(declaim (inline socket-stream-move))
(defun socket-stream-move (stream loop callback user)
  "Gives the connection to another loop, which any thread may own: for one listener that deals its connections out to many loops (SocketWorkers.h). On success `stream` is stale; on the other loop's thread a new stream arrives whose callback and user are those given here, and whose first event is SOCKET_ACCEPTED (with no source); it is pulled there if callback is NULL. It has the default marks and timeouts and is no longer counted among its listener's connections; what the peer has sent meanwhile is there to be read. If that loop is freed first, or has no memory for it, the connection is closed. 0; SOCKET_ESTATE once it was started, read from, shut down or while output is queued; SOCKET_ENOTCONN, SOCKET_ECLOSED, SOCKET_ENOMEM; SOCKET_ENOTSUP for a simulated stream, and for one that is no plain socket. Whatever fails leaves the stream as it was."
  (alien-funcall (extern-alien "SocketStream_move"
                               (function (signed 32) (unsigned 64) (unsigned 64) system-area-pointer (unsigned 64)))
                 stream
                 loop
                 callback
                 user))

(declaim (inline socket-stream-start))
(defun socket-stream-start (stream)
  "Starts reading, and after SocketStream_pause goes on. In push delivery the bytes lie in the loop's scratch memory, at most 64 KiB an event; in pull delivery at most 16 KiB an event, one event of a stream a wait, so that a slow consumer slows down its peer and no one else. A connecting stream starts to read once it is connected. What operations (SocketAsync.h) left over comes first. 0, SOCKET_ECLOSED, SOCKET_ESTATE (open for writing only), or SOCKET_EBUSY while SocketAsync_read or the like is under way."
  (alien-funcall (extern-alien "SocketStream_start"
                               (function (signed 32) (unsigned 64)))
                 stream))

(declaim (inline socket-stream-pause))
(defun socket-stream-pause (stream)
  "Stops reading; the kernel's window then stops the peer. 0 or SOCKET_ECLOSED."
  (alien-funcall (extern-alien "SocketStream_pause"
                               (function (signed 32) (unsigned 64)))
                 stream))

(declaim (inline socket-stream-write))
(defun socket-stream-write (stream data length)
  "Sends `length` bytes of `data` in order after everything written before: at once as far as the kernel takes them, the rest is copied and queued. Returns the bytes that are now queued: 0 means all was sent. If it is above the low mark, SOCKET_DRAINED follows when it has fallen to it. SOCKET_EAGAIN when the queue is at or over the high mark: nothing was taken, wait for SOCKET_DRAINED. SOCKET_EINVAL (NULL or negative), SOCKET_ECLOSED, SOCKET_ENOTCONN (still connecting), SOCKET_ESTATE (after shutdown or close, open for reading only), SOCKET_EBUSY (SocketAsync_write is under way), SOCKET_EPIPE, SOCKET_ECONNRESET or SOCKET_ENOMEM: the stream is broken, what was queued is dropped, and SOCKET_CLOSED follows with the code. send(2)."
  (alien-funcall (extern-alien "SocketStream_write"
                               (function (signed 64) (unsigned 64) system-area-pointer (signed 64)))
                 stream
                 data
                 length))

(declaim (inline socket-stream-write-ref))
(defun socket-stream-write-ref (stream data length release user)
  "The same without a copy: `data` must stay as it is until `release (data, user)` is called (required), which happens exactly once if this function returns 0 or more, and not at all if it fails."
  (alien-funcall (extern-alien "SocketStream_write_ref"
                               (function (signed 64) (unsigned 64) system-area-pointer (signed 64) system-area-pointer (unsigned 64)))
                 stream
                 data
                 length
                 release
                 user))

(declaim (inline socket-stream-shutdown))
(defun socket-stream-shutdown (stream)
  "Ends our sending side once the queue is empty; reading goes on: shutdown(2) with SHUT_WR, or close(2) of a pipe's writing end. 0, SOCKET_ECLOSED, SOCKET_ENOTCONN, SOCKET_ESTATE (open for reading only) or SOCKET_ENOTSUP (a terminal or FIFO open for both has no such end)."
  (alien-funcall (extern-alien "SocketStream_shutdown"
                               (function (signed 32) (unsigned 64)))
                 stream))

(declaim (inline socket-stream-close))
(defun socket-stream-close (stream)
  "Closes gracefully: stops reading, sends what is queued (bounded by the write timeout), then closes and reports SOCKET_CLOSED. What the peer sent and nobody read makes the kernel reset the connection then, which may cost the peer the end of the output (RFC 2525, 2.17): where that matters, use SocketStream_shutdown and close at SOCKET_EOF. 0, also if it is closing already; SOCKET_ECLOSED."
  (alien-funcall (extern-alien "SocketStream_close"
                               (function (signed 32) (unsigned 64)))
                 stream))

(declaim (inline socket-stream-set-marks))
(defun socket-stream-set-marks (stream low high)
  "The marks of the output queue, in bytes. SOCKET_EINVAL unless 0 <= low < high."
  (alien-funcall (extern-alien "SocketStream_set_marks"
                               (function (signed 32) (unsigned 64) (signed 64) (signed 64)))
                 stream
                 low
                 high))

(declaim (inline socket-stream-set-write-timeout))
(defun socket-stream-set-write-timeout (stream timeout-ms)
  "How long queued output may make no progress before the stream is closed with SOCKET_ETIMEDOUT, in ms; -1: for ever. SOCKET_EINVAL for 0 or less than -1."
  (alien-funcall (extern-alien "SocketStream_set_write_timeout"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 stream
                 timeout-ms))

(declaim (inline socket-stream-set-idle-timeout))
(defun socket-stream-set-idle-timeout (stream timeout-ms)
  "How long nothing may arrive before the stream is closed with SOCKET_ETIMEDOUT, in ms, counted while it reads: not while it is paused or a pulled SOCKET_DATA waits to be fetched, nor after SOCKET_EOF. -1, the default: for ever. SOCKET_EINVAL for 0 or less than -1."
  (alien-funcall (extern-alien "SocketStream_set_idle_timeout"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 stream
                 timeout-ms))

(declaim (inline socket-stream-set-nodelay))
(defun socket-stream-set-nodelay (stream on)
  "TCP_NODELAY, tcp(7). Default 1: the library gathers what belongs together by itself. For this and the options below: 0, SOCKET_ENOTCONN (not connected yet), SOCKET_ECLOSED, or SOCKET_ENOTSUP: this and keepalive are TCP's, the buffers are sockets'."
  (alien-funcall (extern-alien "SocketStream_set_nodelay"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 stream
                 on))

(declaim (inline socket-stream-set-keepalive))
(defun socket-stream-set-keepalive (stream idle-s interval-s count)
  "Probes an idle peer after idle_s seconds, then every interval_s seconds, and gives up with SOCKET_ETIMEDOUT after `count` unanswered: SO_KEEPALIVE, tcp(7). idle_s 0 switches it off, the default. SOCKET_EINVAL if negative."
  (alien-funcall (extern-alien "SocketStream_set_keepalive"
                               (function (signed 32) (unsigned 64) (signed 32) (signed 32) (signed 32)))
                 stream
                 idle-s
                 interval-s
                 count))

(declaim (inline socket-stream-set-receive-buffer))
(defun socket-stream-set-receive-buffer (stream bytes)
  "SO_RCVBUF and SO_SNDBUF in bytes, socket(7). SOCKET_EINVAL under 1."
  (alien-funcall (extern-alien "SocketStream_set_receive_buffer"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 stream
                 bytes))

(declaim (inline socket-stream-set-send-buffer))
(defun socket-stream-set-send-buffer (stream bytes)
  "SO_RCVBUF and SO_SNDBUF in bytes, socket(7). SOCKET_EINVAL under 1."
  (alien-funcall (extern-alien "SocketStream_set_send_buffer"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 stream
                 bytes))

(declaim (inline socket-stream-get-queued))
(defun socket-stream-get-queued (stream)
  "Bytes of output that are queued."
  (alien-funcall (extern-alien "SocketStream_get_queued"
                               (function (signed 64) (unsigned 64)))
                 stream))

(declaim (inline socket-stream-get-peer))
(defun socket-stream-get-peer (stream out capacity)
  "Writes the address as \"127.0.0.1:8080\", \"[::1]:8080\", \"[fe80::1%eth0]:8080\", \"unix:/path\", \"unix:@name\" or \"unix:\" (a unix socket without a name, as most that connect are) with a final NUL into `out` (required, yours) and returns its length. SOCKET_EINVAL if capacity is too small (128 is enough), SOCKET_ECLOSED, SOCKET_ENOTCONN, SOCKET_ENOTSUP (no socket). getpeername(2), getsockname(2)."
  (alien-funcall (extern-alien "SocketStream_get_peer"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 32)))
                 stream
                 out
                 capacity))

(declaim (inline socket-stream-get-local))
(defun socket-stream-get-local (stream out capacity)
  "Writes the address as \"127.0.0.1:8080\", \"[::1]:8080\", \"[fe80::1%eth0]:8080\", \"unix:/path\", \"unix:@name\" or \"unix:\" (a unix socket without a name, as most that connect are) with a final NUL into `out` (required, yours) and returns its length. SOCKET_EINVAL if capacity is too small (128 is enough), SOCKET_ECLOSED, SOCKET_ENOTCONN, SOCKET_ENOTSUP (no socket). getpeername(2), getsockname(2)."
  (alien-funcall (extern-alien "SocketStream_get_local"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 32)))
                 stream
                 out
                 capacity))

(declaim (inline socket-stream-get-fd))
(defun socket-stream-get-fd (stream)
  "The descriptor, the stream's own: for getsockopt(2) and the like. SOCKET_ENOTCONN, SOCKET_ECLOSED."
  (alien-funcall (extern-alien "SocketStream_get_fd"
                               (function (signed 32) (unsigned 64)))
                 stream))

(declaim (inline socket-stream-get-peer-credentials))
(defun socket-stream-get-peer-credentials (stream pid uid gid)
  "Who the peer is, as the kernel knows it from when it connected or made the pair: its process, -1 where the system does not tell, its effective user and group. Each pointer may be NULL. SO_PEERCRED, unix(7); getpeereid(3). 0, SOCKET_ENOTCONN, SOCKET_ECLOSED or SOCKET_ENOTSUP."
  (alien-funcall (extern-alien "SocketStream_get_peer_credentials"
                               (function (signed 32) (unsigned 64) system-area-pointer system-area-pointer system-area-pointer))
                 stream
                 pid
                 uid
                 gid))

(declaim (inline socket-stream-send-fds))
(defun socket-stream-send-fds (stream data length fds count)
  "Sends `length` bytes, at least 1, with copies of `count` descriptors, 1 to 16, which arrive with the first of them; yours stay yours and may be closed at once. All or nothing: descriptors cannot be queued, so SOCKET_EAGAIN says that output is queued or the kernel has no room, and nothing was taken; SOCKET_DRAINED tells when to try again. Returns the bytes that are now queued, as SocketStream_write does. SOCKET_EBADF (one of `fds` is not open) and SOCKET_ELIMIT (too many descriptors on their way) leave the stream as it is; so do SOCKET_EINVAL, SOCKET_ENOTSUP. All else as of SocketStream_write. SCM_RIGHTS, unix(7)."
  (alien-funcall (extern-alien "SocketStream_send_fds"
                               (function (signed 64) (unsigned 64) system-area-pointer (signed 64) system-area-pointer (signed 32)))
                 stream
                 data
                 length
                 fds
                 count))

(declaim (inline socket-stream-set-max-fds))
(defun socket-stream-set-max-fds (stream count)
  "How many received descriptors may wait to be taken, 0 to 253. 0, the default: none are received, and what a peer sends unasked the kernel closes at once. Set it before the bytes that bring them are read. What is more than this is closed as well, and so is what a splice moves. 0, SOCKET_EINVAL, SOCKET_ENOTSUP or SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketStream_set_max_fds"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 stream
                 count))

(declaim (inline socket-stream-take-fds))
(defun socket-stream-take-fds (stream out capacity)
  "Takes up to `capacity` (at least 1) of the descriptors that came with the bytes delivered so far, the oldest first, into `out` (required): yours to close, close-on-exec. Those that nobody takes are closed with the stream's handle. Returns how many; 0: none. Once for each loss, before what is there: SOCKET_ETRUNCATED (more came than may wait), SOCKET_EMFILE (this process could have no more); the bytes are unharmed. SOCKET_EINVAL, SOCKET_ENOTSUP."
  (alien-funcall (extern-alien "SocketStream_take_fds"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 32)))
                 stream
                 out
                 capacity))

(declaim (inline socket-stream-set-raw))
(defun socket-stream-set-raw (stream on)
  "1: every byte as it is typed and written, without echo, line editing or signals, cfmakeraw(3). 0: as it was before, which freeing the stream does as well. 0, SOCKET_ENOTSUP (no terminal), SOCKET_ECLOSED, SOCKET_EMFILE, SOCKET_EIO or SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketStream_set_raw"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 stream
                 on))

(declaim (inline socket-stream-get-window))
(defun socket-stream-get-window (stream columns rows)
  "The size of its window in characters; 0 where nobody knows. Each pointer may be NULL. 0, SOCKET_ENOTSUP (no terminal) or SOCKET_ECLOSED. TIOCGWINSZ, tty_ioctl(4)."
  (alien-funcall (extern-alien "SocketStream_get_window"
                               (function (signed 32) (unsigned 64) system-area-pointer system-area-pointer))
                 stream
                 columns
                 rows))

(declaim (inline socket-tls-get-engine))
(defun socket-tls-get-engine ()
  "\"mbedtls\", \"openssl\", or \"none\": what this library was built with. A static string."
  (text-at (alien-funcall (extern-alien "SocketTLS_get_engine"
                               (function system-area-pointer)))))

(declaim (inline socket-tls-new-server))
(defun socket-tls-new-server ()
  "For the side that accepts: needs a certificate. The caller frees it. NULL with SOCKET_ENOTSUP or SOCKET_ENOMEM."
  (truly-the word (alien-funcall (extern-alien "SocketTLS_new_server"
                               (function (unsigned 64))))))

(declaim (inline socket-tls-new-client))
(defun socket-tls-new-client ()
  "For the side that connects. It trusts the authorities that the system trusts. The caller frees it. NULL with SOCKET_ENOTSUP or SOCKET_ENOMEM."
  (truly-the word (alien-funcall (extern-alien "SocketTLS_new_client"
                               (function (unsigned 64))))))

(declaim (inline socket-tls-free))
(defun socket-tls-free (tls)
  "Frees the handle. Whatever uses it goes on using it. NULL accepted; the variable is nulled."
  (alien-funcall (extern-alien "SocketTLS_free"
                               (function void system-area-pointer))
                 tls))

(declaim (inline socket-tls-add-certificate-files))
(defun socket-tls-add-certificate-files (tls names chain-path key-path)
  "A certificate, followed by those that lead to its authority, and its private key: from files of PEM or DER, or from memory, which is copied. `names`, separated by commas, with \"*\" for one whole first label, are those for which a server uses it when a client asks for them (SNI, RFC 6066); NULL: the certificate's own. Who asks for nobody, or for somebody unknown, gets the first that was added, and with it those added for the same names, so that an RSA and an ECDSA key can stand side by side. A client shows the first. Returns its number, from 1 on. SOCKET_ECREDENTIAL (it cannot be read, or the key is another one's), SOCKET_EPASSWORD, SOCKET_ELIMIT (1024 of them), SOCKET_EINVAL, SOCKET_ENOMEM, and of files SOCKET_ENOENT, SOCKET_EACCES and the like; Socket_last_error_message() says which file and why."
  (alien-funcall (extern-alien "SocketTLS_add_certificate_files"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8) (c-string :external-format :utf-8) (c-string :external-format :utf-8)))
                 tls
                 names
                 chain-path
                 key-path))

(declaim (inline socket-tls-add-certificate))
(defun socket-tls-add-certificate (tls names chain chain-length key key-length)
  "A certificate, followed by those that lead to its authority, and its private key: from files of PEM or DER, or from memory, which is copied. `names`, separated by commas, with \"*\" for one whole first label, are those for which a server uses it when a client asks for them (SNI, RFC 6066); NULL: the certificate's own. Who asks for nobody, or for somebody unknown, gets the first that was added, and with it those added for the same names, so that an RSA and an ECDSA key can stand side by side. A client shows the first. Returns its number, from 1 on. SOCKET_ECREDENTIAL (it cannot be read, or the key is another one's), SOCKET_EPASSWORD, SOCKET_ELIMIT (1024 of them), SOCKET_EINVAL, SOCKET_ENOMEM, and of files SOCKET_ENOENT, SOCKET_EACCES and the like; Socket_last_error_message() says which file and why."
  (alien-funcall (extern-alien "SocketTLS_add_certificate"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8) system-area-pointer (signed 64) system-area-pointer (signed 64)))
                 tls
                 names
                 chain
                 chain-length
                 key
                 key-length))

(declaim (inline socket-tls-replace-certificate))
(defun socket-tls-replace-certificate (tls number chain chain-length key key-length)
  "Puts another one in the place of certificate `number`, all or nothing. 0, SOCKET_ENOENT (no such number), and as above."
  (alien-funcall (extern-alien "SocketTLS_replace_certificate"
                               (function (signed 32) (unsigned 64) (signed 32) system-area-pointer (signed 64) system-area-pointer (signed 64)))
                 tls
                 number
                 chain
                 chain-length
                 key
                 key-length))

(declaim (inline socket-tls-reload))
(defun socket-tls-reload (tls)
  "Reads every certificate and key that came from files anew: what to do when they have been renewed. All or nothing. 0, or as above. Blocks on the disk."
  (alien-funcall (extern-alien "SocketTLS_reload"
                               (function (signed 32) (unsigned 64)))
                 tls))

(declaim (inline socket-tls-set-password))
(defun socket-tls-set-password (tls password user)
  "Asked for the password of keys that are added from here on; it must not use this handle. NULL: no more. 0."
  (alien-funcall (extern-alien "SocketTLS_set_password"
                               (function (signed 32) (unsigned 64) system-area-pointer (unsigned 64)))
                 tls
                 password
                 user))

(declaim (inline socket-tls-set-password-text))
(defun socket-tls-set-password-text (tls password)
  "The same password for all of them, without a callback: it is copied, at most 1024 bytes. NULL: no more. 0, SOCKET_EINVAL, SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketTLS_set_password_text"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8)))
                 tls
                 password))

(declaim (inline socket-tls-set-staple))
(defun socket-tls-set-staple (tls number der length)
  "An OCSP response (DER, RFC 6960), sent along with certificate `number` to who asks for it (RFC 6066, 8). `length` 0: none any more. 0, SOCKET_ENOENT, SOCKET_ECREDENTIAL (it cannot be read, or is itself an error, \"try later\"), SOCKET_ENOTSUP (mbedTLS cannot), SOCKET_EINVAL or SOCKET_ENOMEM.  A client of a library with OpenSSL asks servers for theirs. Who sends none is not held to it; one that says \"revoked\" ends the handshake with SOCKET_ECERT_REVOKED, one that cannot be verified or is out of date with SOCKET_ECERT."
  (alien-funcall (extern-alien "SocketTLS_set_staple"
                               (function (signed 32) (unsigned 64) (signed 32) system-area-pointer (signed 64)))
                 tls
                 number
                 der
                 length))

(declaim (inline socket-tls-add-authorities))
(defun socket-tls-add-authorities (tls bytes length)
  "Trusts these authorities as well, PEM (any number of them) or DER. 0, SOCKET_ECREDENTIAL, SOCKET_EINVAL, SOCKET_ENOMEM; of files the failures of open(2)."
  (alien-funcall (extern-alien "SocketTLS_add_authorities"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 64)))
                 tls
                 bytes
                 length))

(declaim (inline socket-tls-add-authorities-file))
(defun socket-tls-add-authorities-file (tls path)
  "Trusts these authorities as well, PEM (any number of them) or DER. 0, SOCKET_ECREDENTIAL, SOCKET_EINVAL, SOCKET_ENOMEM; of files the failures of open(2)."
  (alien-funcall (extern-alien "SocketTLS_add_authorities_file"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8)))
                 tls
                 path))

(declaim (inline socket-tls-add-authorities-folder))
(defun socket-tls-add-authorities-folder (tls path)
  "Those of all certificates in a folder's files, PEM or DER, whatever their names; other files are passed over. The folder is read now, and not again. 0, SOCKET_ECREDENTIAL (there is none, or one is damaged), SOCKET_ENOENT, SOCKET_ENOTDIR, SOCKET_EACCES and the like, SOCKET_EINVAL, SOCKET_ENOMEM. Blocks on the disk."
  (alien-funcall (extern-alien "SocketTLS_add_authorities_folder"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8)))
                 tls
                 path))

(declaim (inline socket-tls-set-system-authorities))
(defun socket-tls-set-system-authorities (tls on)
  "Whether what the system trusts is trusted: 1 for clients, 0 for servers by default. It is read once in a process: the system's bundle of certificates, on Windows the store \"ROOT\" of the user and the machine. SSL_CERT_FILE and SSL_CERT_DIR (folders, with colons between them, semicolons on Windows) in the environment take its place, as with OpenSSL. 0, SOCKET_EINVAL."
  (alien-funcall (extern-alien "SocketTLS_set_system_authorities"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 tls
                 on))

(declaim (inline socket-tls-set-client-check))
(defun socket-tls-set-client-check (tls check)
  "Of a server: whether clients show a certificate, of an authority that was added. One of SOCKET_TLS_*_CERTIFICATE. Where they do, no session is resumed: each connection shows it anew. 0, SOCKET_EINVAL, SOCKET_ESTATE (of a client)."
  (alien-funcall (extern-alien "SocketTLS_set_client_check"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 tls
                 check))

(declaim (inline socket-tls-set-verify))
(defun socket-tls-set-verify (tls verify user)
  "Asks `verify` about each certificate that a peer shows; NULL: nobody, the default. Of a server, SocketTLS_set_client_check decides whether clients show one. Pins and what a certificate says that it is for (RFC 5280, 4.2.1.12) are not for `verify` to overrule. A session that is resumed was judged when it began. 0, SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketTLS_set_verify"
                               (function (signed 32) (unsigned 64) system-area-pointer (unsigned 64)))
                 tls
                 verify
                 user))

(declaim (inline socket-tls-add-pin))
(defun socket-tls-add-pin (tls pin)
  "The key in the peer's certificate must be one of those that are pinned: the SHA-256 of its SubjectPublicKeyInfo in Base64, \"sha256//WoiWRyIOVNa9ihaBciRSC7XHjliYS9VwUGOIud4PB18=\". 0, SOCKET_EINVAL, SOCKET_ELIMIT (64 of them), SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketTLS_add_pin"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8)))
                 tls
                 pin))

(declaim (inline socket-tls-trust-anybody-without-verification))
(defun socket-tls-trust-anybody-without-verification (tls)
  "Of a client: from here on nobody's certificate is looked at, pins aside. Anybody in between reads and changes everything. There is no other way to switch this off. 0, SOCKET_ESTATE (of a server)."
  (alien-funcall (extern-alien "SocketTLS_trust_anybody_without_verification"
                               (function (signed 32) (unsigned 64)))
                 tls))

(declaim (inline socket-tls-set-policy))
(defun socket-tls-set-policy (tls policy)
  "\"intermediate\", the default: TLS 1.2 and 1.3; \"modern\": 1.3 alone (both after Mozilla's guidance for servers, 5.7); or \"custom:\" and suites, best first, by their IANA or OpenSSL names, with colons between them: the versions follow from these. A server goes by its own order, mbedTLS's in TLS 1.3 by the client's; over OpenSSL a client that puts ChaCha20 first gets it. 0, SOCKET_EINVAL, SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketTLS_set_policy"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8)))
                 tls
                 policy))

(declaim (inline socket-tls-set-alpn))
(defun socket-tls-set-alpn (tls protocols)
  "Protocols, best first, with commas between them: \"h2,http/1.1\" (ALPN, RFC 7301). A server refuses who offers others only; \"\" : none are offered. 0, SOCKET_EINVAL, SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketTLS_set_alpn"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8)))
                 tls
                 protocols))

(declaim (inline socket-tls-set-tickets))
(defun socket-tls-set-tickets (tls on)
  "Of a server: whether sessions are resumed with tickets (1, the default), and the keys that these are sealed with, SOCKET_TLS_TICKET_KEY_BYTES each: the first seals, all open. Keys of the library's own (`length` 0, the default) are replaced every six hours; keys of yours are yours to replace, and what other processes, or a successor, with the same keys accept as well. get returns how many bytes it wrote, SOCKET_ENOBUFS if `capacity` is too small. 0, SOCKET_EINVAL, SOCKET_ESTATE (of a client; without tickets), SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketTLS_set_tickets"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 tls
                 on))

(declaim (inline socket-tls-set-ticket-keys))
(defun socket-tls-set-ticket-keys (tls keys length)
  "Of a server: whether sessions are resumed with tickets (1, the default), and the keys that these are sealed with, SOCKET_TLS_TICKET_KEY_BYTES each: the first seals, all open. Keys of the library's own (`length` 0, the default) are replaced every six hours; keys of yours are yours to replace, and what other processes, or a successor, with the same keys accept as well. get returns how many bytes it wrote, SOCKET_ENOBUFS if `capacity` is too small. 0, SOCKET_EINVAL, SOCKET_ESTATE (of a client; without tickets), SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketTLS_set_ticket_keys"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 64)))
                 tls
                 keys
                 length))

(declaim (inline socket-tls-get-ticket-keys))
(defun socket-tls-get-ticket-keys (tls out capacity)
  "Of a server: whether sessions are resumed with tickets (1, the default), and the keys that these are sealed with, SOCKET_TLS_TICKET_KEY_BYTES each: the first seals, all open. Keys of the library's own (`length` 0, the default) are replaced every six hours; keys of yours are yours to replace, and what other processes, or a successor, with the same keys accept as well. get returns how many bytes it wrote, SOCKET_ENOBUFS if `capacity` is too small. 0, SOCKET_EINVAL, SOCKET_ESTATE (of a client; without tickets), SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketTLS_get_ticket_keys"
                               (function (signed 64) (unsigned 64) system-area-pointer (signed 64)))
                 tls
                 out
                 capacity))

(declaim (inline socket-tls-set-sessions))
(defun socket-tls-set-sessions (tls most)
  "Of a client: of how many servers a session is kept, to be resumed; 0: of none. Forgets those that are kept. mbedTLS offers nothing but the session's own version along with it: a server that has given that up since refuses one connection, and the next one begins anew. 0, SOCKET_EINVAL, SOCKET_ESTATE (of a server), SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketTLS_set_sessions"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 tls
                 most))

(declaim (inline socket-tls-set-key-log))
(defun socket-tls-set-key-log (tls path)
  "Appends the secrets of connections to a file, in the format of NSS, from which Wireshark opens what it recorded; one that is made for it is its owner's alone. NULL: not any more. 0, or the failures of open(2)."
  (alien-funcall (extern-alien "SocketTLS_set_key_log"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8)))
                 tls
                 path))

(declaim (inline socket-tls-set-handshake-timeout))
(defun socket-tls-set-handshake-timeout (tls timeout-ms)
  "Of a server: how long a handshake may take, and how many may be under way at once at one listener; who comes meanwhile waits in the backlog. 0, SOCKET_EINVAL, SOCKET_ESTATE (of a client)."
  (alien-funcall (extern-alien "SocketTLS_set_handshake_timeout"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 tls
                 timeout-ms))

(declaim (inline socket-tls-set-max-handshakes))
(defun socket-tls-set-max-handshakes (tls most)
  "Of a server: how long a handshake may take, and how many may be under way at once at one listener; who comes meanwhile waits in the backlog. 0, SOCKET_EINVAL, SOCKET_ESTATE (of a client)."
  (alien-funcall (extern-alien "SocketTLS_set_max_handshakes"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 tls
                 most))

(declaim (inline socket-stream-connect-tls))
(defun socket-stream-connect-tls (loop address tls server timeout-ms)
  "As SocketStream_connect, then the handshake of a client; timeout_ms counts both. `server` is whom the certificate must be for, and who is asked for (SNI): a name or a numeric address; NULL: the host of the address. SOCKET_CLOSED may also have the codes from SOCKET_ETLS to SOCKET_EPASSWORD. NULL with the errors of SocketStream_connect, or SOCKET_EINVAL (`tls` is a server's; a unix socket without `server`)."
  (truly-the word (alien-funcall (extern-alien "SocketStream_connect_tls"
                               (function (unsigned 64) (unsigned 64) (c-string :external-format :utf-8) (unsigned 64) (c-string :external-format :utf-8) (signed 32)))
                 loop
                 address
                 tls
                 server
                 timeout-ms)))

(declaim (inline socket-async-connect-tls))
(defun socket-async-connect-tls (loop address tls server timeout-ms)
  "The same as an operation, see SocketAsync_connect: the outcome's data is the stream."
  (truly-the word (alien-funcall (extern-alien "SocketAsync_connect_tls"
                               (function (unsigned 64) (unsigned 64) (c-string :external-format :utf-8) (unsigned 64) (c-string :external-format :utf-8) (signed 32)))
                 loop
                 address
                 tls
                 server
                 timeout-ms)))

(declaim (inline socket-stream-start-tls))
(defun socket-stream-start-tls (stream tls server timeout-ms)
  "Begins TLS on a stream that is connected (STARTTLS and the like), as the side that `tls` is for; `server` as above, but required of a client, and NULL of a server. SOCKET_CONNECTED tells that the handshake is over; until then the stream is not connected, and timeout_ms counts (-1: none). What the peer has sent before must have been read: the next byte is TLS. 0, SOCKET_EINVAL, SOCKET_EADDRESS and SOCKET_ENAMETOOLONG (`server` is no host's name), SOCKET_ESTATE (output is queued, there is TLS already, or bytes are pending), SOCKET_EBUSY (an operation is under way), SOCKET_ENOTCONN, SOCKET_ECLOSED, SOCKET_ENOTSUP (no socket, or one that receives descriptors: SocketStream_set_max_fds) or SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketStream_start_tls"
                               (function (signed 32) (unsigned 64) (unsigned 64) (c-string :external-format :utf-8) (signed 32)))
                 stream
                 tls
                 server
                 timeout-ms))

(declaim (inline socket-stream-get-tls-version))
(defun socket-stream-get-tls-version (stream)
  "What was agreed on: \"TLSv1.3\" or \"TLSv1.2\", the IANA name of the cipher suite. Static strings; NULL with SOCKET_ENOTSUP (no TLS), SOCKET_ENOTCONN (not yet)."
  (text-at (alien-funcall (extern-alien "SocketStream_get_tls_version"
                               (function system-area-pointer (unsigned 64)))
                 stream)))

(declaim (inline socket-stream-get-tls-suite))
(defun socket-stream-get-tls-suite (stream)
  "What was agreed on: \"TLSv1.3\" or \"TLSv1.2\", the IANA name of the cipher suite. Static strings; NULL with SOCKET_ENOTSUP (no TLS), SOCKET_ENOTCONN (not yet)."
  (text-at (alien-funcall (extern-alien "SocketStream_get_tls_suite"
                               (function system-area-pointer (unsigned 64)))
                 stream)))

(declaim (inline socket-stream-get-tls-alpn))
(defun socket-stream-get-tls-alpn (stream out capacity)
  "The protocol that ALPN found, and the name that the client asked for: written into `out` with a NUL, the length returned; 0: none. SOCKET_ENOBUFS, SOCKET_ENOTSUP, SOCKET_ENOTCONN."
  (alien-funcall (extern-alien "SocketStream_get_tls_alpn"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 32)))
                 stream
                 out
                 capacity))

(declaim (inline socket-stream-get-tls-server))
(defun socket-stream-get-tls-server (stream out capacity)
  "The protocol that ALPN found, and the name that the client asked for: written into `out` with a NUL, the length returned; 0: none. SOCKET_ENOBUFS, SOCKET_ENOTSUP, SOCKET_ENOTCONN."
  (alien-funcall (extern-alien "SocketStream_get_tls_server"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 32)))
                 stream
                 out
                 capacity))

(declaim (inline socket-stream-is-tls-resumed))
(defun socket-stream-is-tls-resumed (stream)
  "1: an earlier session was resumed. SOCKET_ENOTSUP, SOCKET_ENOTCONN."
  (alien-funcall (extern-alien "SocketStream_is_tls_resumed"
                               (function (signed 32) (unsigned 64)))
                 stream))

(declaim (inline socket-stream-get-tls-certificate))
(defun socket-stream-get-tls-certificate (stream index out capacity)
  "The peer's certificate (`index` 0) and those that it sent along, as DER into `out`; how many bytes. SOCKET_ENOENT (no such one), SOCKET_ENOBUFS, SOCKET_ENOTSUP, SOCKET_ENOTCONN, SOCKET_EINVAL, SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketStream_get_tls_certificate"
                               (function (signed 64) (unsigned 64) (signed 32) system-area-pointer (signed 64)))
                 stream
                 index
                 out
                 capacity))

(declaim (inline socket-stream-get-tls-failure))
(defun socket-stream-get-tls-failure (stream out capacity)
  "Why TLS failed, in a sentence that names the certificate, its dates or the peer's alert; \"\" if it did not. As SocketStream_get_tls_alpn; also after SOCKET_CLOSED."
  (alien-funcall (extern-alien "SocketStream_get_tls_failure"
                               (function (signed 32) (unsigned 64) system-area-pointer (signed 32)))
                 stream
                 out
                 capacity))

(declaim (inline socket-tls-describe-certificate))
(defun socket-tls-describe-certificate (der length out capacity)
  "A certificate (DER) in some lines for people: subject, issuer, dates, names, key. Written into `out` with a NUL, the length returned. SOCKET_ECREDENTIAL, SOCKET_ENOBUFS, SOCKET_EINVAL, SOCKET_ENOMEM, SOCKET_ENOTSUP. Any thread."
  (alien-funcall (extern-alien "SocketTLS_describe_certificate"
                               (function (signed 32) system-area-pointer (signed 64) system-area-pointer (signed 32)))
                 der
                 length
                 out
                 capacity))

(declaim (inline socket-tls-fingerprint))
(defun socket-tls-fingerprint (certificate length out capacity)
  "The SHA-256 of a certificate (DER, or the first one of PEM) as people compare it, \"AB:CD:...:12\", 95 characters, written into `out` with a NUL; the length returned. As above."
  (alien-funcall (extern-alien "SocketTLS_fingerprint"
                               (function (signed 32) system-area-pointer (signed 64) system-area-pointer (signed 32)))
                 certificate
                 length
                 out
                 capacity))

(declaim (inline socket-tls-make-certificate))
(defun socket-tls-make-certificate (names kind not-before not-after issuer issuer-key certificate certificate-capacity key key-capacity)
  "Makes a key and a certificate for it, for development and tests: `names`, separated by commas, are host names, wildcards and numeric addresses, the first of them its subject as well; valid between two times in seconds since 1970. `issuer` and `issuer_key` are the PEM of an authority; NULL: it signs itself. Writes both as PEM with a NUL; SOCKET_TLS_PEM_BYTES are enough for either. Blocks: an RSA key takes a moment. 0, SOCKET_EINVAL, SOCKET_ECREDENTIAL (the issuer's), SOCKET_ENOBUFS, SOCKET_ENOTSUP, SOCKET_ENOMEM. Any thread."
  (alien-funcall (extern-alien "SocketTLS_make_certificate"
                               (function (signed 32) (c-string :external-format :utf-8) (signed 32) (signed 64) (signed 64) (c-string :external-format :utf-8) (c-string :external-format :utf-8) system-area-pointer (signed 32) system-area-pointer (signed 32)))
                 names
                 kind
                 not-before
                 not-after
                 issuer
                 issuer-key
                 certificate
                 certificate-capacity
                 key
                 key-capacity))

(declaim (inline socket-listener-set-tls))
(defun socket-listener-set-tls (listener tls)
  "Connections that are accepted from here on begin with the handshake of a server, and SOCKET_ACCEPTED comes after it; those that fail are closed, and nobody hears of them. NULL: no TLS any more. 0, SOCKET_EINVAL (`tls` is a client's, or has no certificate) or SOCKET_ENOMEM."
  (alien-funcall (extern-alien "SocketListener_set_tls"
                               (function (signed 32) (unsigned 64) (unsigned 64)))
                 listener
                 tls))

(declaim (inline socket-timer-new))
(defun socket-timer-new (loop)
  "A timer that is not running yet. The caller frees it; freeing the loop does so as well. NULL with SOCKET_ENOMEM."
  (truly-the word (alien-funcall (extern-alien "SocketTimer_new"
                               (function (unsigned 64) (unsigned 64)))
                 loop)))

(declaim (inline socket-timer-free))
(defun socket-timer-free (timer)
  "Stops and frees it; no event of it is delivered any more. NULL accepted; the variable is nulled."
  (alien-funcall (extern-alien "SocketTimer_free"
                               (function void system-area-pointer))
                 timer))

(declaim (inline socket-timer-set-callback))
(defun socket-timer-set-callback (timer callback user)
  "SOCKET_TIMER goes to `callback` with `user` (kept, not touched), or is pulled if callback is NULL."
  (alien-funcall (extern-alien "SocketTimer_set_callback"
                               (function (signed 32) (unsigned 64) system-area-pointer (unsigned 64)))
                 timer
                 callback
                 user))

(declaim (inline socket-timer-start))
(defun socket-timer-start (timer delay-ms period-ms)
  "Starts the timer, or reschedules it if it runs: due in delay_ms (0: in the next turn), and then, if period_ms > 0, at each multiple of period_ms after that, without drift. Never early. Inside a callback of the loop the delay counts from the moment at which the loop has control again, which spares a look at the clock. Expirations that the loop was too busy for are reported as one event whose length counts them. An expiration not yet delivered is forgotten. 0, or SOCKET_EINVAL for a negative number. Never allocates."
  (alien-funcall (extern-alien "SocketTimer_start"
                               (function (signed 32) (unsigned 64) (signed 64) (signed 64)))
                 timer
                 delay-ms
                 period-ms))

(declaim (inline socket-timer-stop))
(defun socket-timer-stop (timer)
  "Stops it; an expiration not yet delivered is forgotten. 0, also if it was not running."
  (alien-funcall (extern-alien "SocketTimer_stop"
                               (function (signed 32) (unsigned 64)))
                 timer))

(declaim (inline socket-timer-get-remaining))
(defun socket-timer-get-remaining (timer)
  "Milliseconds until it is due, rounded up; -1 if it is not running."
  (alien-funcall (extern-alien "SocketTimer_get_remaining"
                               (function (signed 64) (unsigned 64)))
                 timer))

(declaim (inline socket-version))
(defun socket-version ()
  "The version of the library at run time, \"0.1.0\". Static string. Any thread; never fails."
  (text-at (alien-funcall (extern-alien "Socket_version"
                               (function system-area-pointer)))))

(declaim (inline socket-features))
(defun socket-features ()
  "The features compiled in, as one line of words: \"http tls=none\". Static string. Any thread; never fails."
  (text-at (alien-funcall (extern-alien "Socket_features"
                               (function system-area-pointer)))))

(declaim (inline socket-watch-new))
(defun socket-watch-new (loop fd events)
  "Watches `fd` for `events`, of POLL_READ, POLL_WRITE and SOCKET_POLL_PEER_CLOSED; POLL_ERROR and POLL_HANGUP are always reported. 0 watches nothing until SocketWatch_set_events. `fd` stays the caller's, who frees the watch before closing it. The caller frees the watch; freeing the loop does so as well. NULL with SOCKET_EINVAL (other bits), SOCKET_EBADF, SOCKET_EEXIST (the loop has this descriptor already), SOCKET_EPERM (a file or folder, always ready), SOCKET_ENOMEM, SOCKET_ENOSPC."
  (truly-the word (alien-funcall (extern-alien "SocketWatch_new"
                               (function (unsigned 64) (unsigned 64) (signed 32) (signed 32)))
                 loop
                 fd
                 events)))

(declaim (inline socket-watch-free))
(defun socket-watch-free (watch)
  "Ends the watch and frees it; no event of it is delivered any more. NULL accepted; the variable is nulled."
  (alien-funcall (extern-alien "SocketWatch_free"
                               (function void system-area-pointer))
                 watch))

(declaim (inline socket-watch-set-callback))
(defun socket-watch-set-callback (watch callback user)
  "SOCKET_READY goes to `callback` with `user` (kept, not touched), or is pulled if callback is NULL. A pulled event is reported once for each SocketLoop_wait while the descriptor stays ready."
  (alien-funcall (extern-alien "SocketWatch_set_callback"
                               (function (signed 32) (unsigned 64) system-area-pointer (unsigned 64)))
                 watch
                 callback
                 user))

(declaim (inline socket-watch-set-events))
(defun socket-watch-set-events (watch events)
  "Replaces the events watched for. 0, SOCKET_EINVAL, or what adding the descriptor anew may give."
  (alien-funcall (extern-alien "SocketWatch_set_events"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 watch
                 events))

(declaim (inline socket-workers-new))
(defun socket-workers-new ()
  "A group without workers. The caller frees it. NULL with SOCKET_ENOMEM."
  (truly-the word (alien-funcall (extern-alien "SocketWorkers_new"
                               (function (unsigned 64))))))

(declaim (inline socket-workers-free))
(defun socket-workers-free (workers)
  "SocketWorkers_stop, then _join, then frees the group. NULL accepted; the variable is nulled. Called from one of its own workers it changes nothing and records SOCKET_ESTATE: the worker would wait for itself. Threads that are blocked in SocketWorkers_join come back as usual."
  (alien-funcall (extern-alien "SocketWorkers_free"
                               (function void system-area-pointer))
                 workers))

(declaim (inline socket-workers-set-name))
(defun socket-workers-set-name (workers prefix)
  "The workers' threads are called \"prefix-0\", \"prefix-1\"...; 1 to 10 bytes, copied. Default \"socketpoll\". SOCKET_EINVAL, SOCKET_ESTATE once started."
  (alien-funcall (extern-alien "SocketWorkers_set_name"
                               (function (signed 32) (unsigned 64) (c-string :external-format :utf-8)))
                 workers
                 prefix))

(declaim (inline socket-workers-set-pinning))
(defun socket-workers-set-pinning (workers on)
  "1: keeps each worker on one processor, of those that the starting thread may use; 0, the default, leaves that to the kernel. The start fails with SOCKET_ENOTSUP where there is no such thing. SOCKET_ESTATE once started."
  (alien-funcall (extern-alien "SocketWorkers_set_pinning"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 workers
                 on))

(declaim (inline socket-workers-processors))
(defun socket-workers-processors ()
  "Processors that the calling thread may use, sched_getaffinity(2): what a `count` of 0 means."
  (alien-funcall (extern-alien "SocketWorkers_processors"
                               (function (signed 32)))))

(declaim (inline socket-workers-start))
(defun socket-workers-start (workers count setup user)
  "Starts `count` threads (0: SocketWorkers_processors()), at most SOCKET_WORKERS_MAX, calls `setup` (NULL: none) with `user` (kept, not touched) on each, and once all of them have returned 0 lets the loops run: events are pushed, since nobody pulls there. All signals are blocked in the threads, but for those that a thread's own instructions raise (SIGSEGV and the like); a run-time that needs others unblocks them in the setup. Returns when all loops run. Whatever fails stops and joins the workers that were started, frees their loops, and leaves the group as it was; SocketWorkers_get_failed tells which, Socket_last_error_message() what. 0, the setup's code, SOCKET_EINVAL (count), SOCKET_ESTATE (started already, and not joined since), SOCKET_ESTOPPED (SocketWorkers_stop came first), SOCKET_ELIMIT (no more threads, pthread_create), SOCKET_ENOMEM, SOCKET_EMFILE, SOCKET_ENFILE."
  (alien-funcall (extern-alien "SocketWorkers_start"
                               (function (signed 32) (unsigned 64) (signed 32) system-area-pointer (unsigned 64)))
                 workers
                 count
                 setup
                 user))

(declaim (inline socket-workers-get-failed))
(defun socket-workers-get-failed (workers)
  "The index of the worker with which the latest start failed; -1 if none did."
  (alien-funcall (extern-alien "SocketWorkers_get_failed"
                               (function (signed 32) (unsigned 64)))
                 workers))

(declaim (inline socket-workers-get-count))
(defun socket-workers-get-count (workers)
  "How many there are: 0 before the start and after the join."
  (alien-funcall (extern-alien "SocketWorkers_get_count"
                               (function (signed 32) (unsigned 64)))
                 workers))

(declaim (inline socket-workers-get-loop))
(defun socket-workers-get-loop (workers index)
  "The loop of worker `index`, the worker's: for SocketLoop_post, SocketLoop_stop (which ends this worker alone), SocketLoop_get_stat and SocketStream_move; stale once the worker has ended. From its setup on. NULL with SOCKET_EINVAL for an index that is not there."
  (truly-the word (alien-funcall (extern-alien "SocketWorkers_get_loop"
                               (function (unsigned 64) (unsigned 64) (signed 32)))
                 workers
                 index)))

(declaim (inline socket-workers-stop))
(defun socket-workers-stop (workers)
  "Has every worker end after the callback that it is in. Its thread frees its loop with all that stands on it: stop your servers first where their work matters. 0, also if there is none."
  (alien-funcall (extern-alien "SocketWorkers_stop"
                               (function (signed 32) (unsigned 64)))
                 workers))

(declaim (inline socket-workers-join))
(defun socket-workers-join (workers timeout-ms)
  "Waits until all workers have ended, without using the processor, for at most timeout_ms (-1: no limit). The group can then be started again. 0, also where there is none to wait for; the code with which the first worker failed, its loop being unable to wait (SOCKET_ENOMEM and the like), which stops the others; SOCKET_ETIMEDOUT; SOCKET_EINVAL under -1; SOCKET_ESTATE when called from one of its own workers."
  (alien-funcall (extern-alien "SocketWorkers_join"
                               (function (signed 32) (unsigned 64) (signed 32)))
                 workers
                 timeout-ms))
