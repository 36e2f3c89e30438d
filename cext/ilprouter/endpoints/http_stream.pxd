# The life of one request, whatever the version of HTTP: lists, bodies, delivery, reply. Never a frame, never a socket.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from ilprouter.bindings.kernel cimport ilp_buffer, ilp_link
from ilprouter.endpoints.http_core cimport http_conn, http_core, http_list, http_stream


cdef void list_append(http_list *into, http_stream *stream, int64_t now_ns) noexcept nogil
cdef void list_remove(http_stream *stream) noexcept nogil
cdef void stream_free(http_core *core, http_stream *stream) noexcept nogil
cdef int stream_receive(http_core *core, http_stream *stream, const uint8_t *data, size_t length, uint32_t maximum) noexcept nogil
cdef void stream_answer(http_core *core, http_stream *stream, ilp_buffer *answer) noexcept nogil
cdef void stream_length(http_stream *stream, uint32_t length) noexcept nogil
cdef void count_refusal(http_core *core, int status) noexcept nogil

# The serving side, whatever the version of HTTP.
cdef http_stream *request_slot(http_conn *conn, int32_t stream_id) noexcept nogil
cdef http_stream *request_open(http_conn *conn, int32_t stream_id) noexcept nogil
cdef int request_deliver(http_conn *conn, http_stream *stream) noexcept nogil
cdef void request_abandon(http_conn *conn, http_stream *stream) noexcept nogil
cdef void reply(ilp_link *link, uint64_t token, ilp_buffer *answer) noexcept nogil
