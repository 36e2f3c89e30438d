# What both ends of an HTTP/2 connection do alike: options, budgets against floods, feeding, collecting. Never a request.
from libc.stdint cimport int32_t, uint8_t, uint32_t

from ilprouter.bindings.nghttp2 cimport (
    nghttp2_data_source,
    nghttp2_frame_hd,
    nghttp2_option,
    nghttp2_session,
    nghttp2_session_callbacks,
)
from ilprouter.endpoints.http_core cimport HttpConnection, http_conn, http_core


cdef nghttp2_option *session_options(http_core *core) except NULL
cdef int session_settings(http_conn *conn, uint32_t streams, bint serving) noexcept nogil
cdef void session_guard(nghttp2_session_callbacks *callbacks) noexcept nogil
cdef int doom(http_conn *conn, uint32_t code) noexcept nogil
cdef bint session_feed(http_conn *conn, const uint8_t *data, size_t length) noexcept nogil
cdef int session_pump(HttpConnection connection) except -1
cdef ssize_t read_outgoing(nghttp2_session *session, int32_t stream_id, uint8_t *into, size_t length, uint32_t *flags,
                           nghttp2_data_source *source, void *user_data) noexcept nogil
