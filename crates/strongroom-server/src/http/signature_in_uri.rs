//! Cuts a signature in a URI short before the HTTP parser reads it. The parser takes no URI of
//! 99,714 characters, and would answer nothing that helps. The shortened request reaches a route
//! that does (spec/http.md §6.7).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The parameter's name, with which it begins.
const PARAMETER: &[u8] = b"signature=";
/// Characters of the value that are passed on.
const KEPT: usize = 16;
/// Characters that are swallowed at most. The parser refuses a longer URI.
const MAX_SWALLOWED: usize = 256 * 1024;

/// The place of the next byte in a connection's first line.
enum At {
    /// In the method or the path, before `?`.
    Path,
    /// In the query. The number counts the bytes of [`PARAMETER`] that matched; `None` means that
    /// no parameter begins here.
    Query(Option<usize>),
    /// In the parameter's value. The number counts the characters that were passed on.
    Value(usize),
    /// After the first line, or after its target.
    Rest,
}

/// A connection's stream, without the swallowed bytes. Only the first line is looked at, because it
/// is certainly a request's. Later bytes may be a body, and cutting a body would change what the
/// parser reads. The end of the line is always passed on.
pub(super) struct SignatureInUri<S> {
    stream: S,
    at: At,
    swallowed: usize,
}

impl<S> SignatureInUri<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, at: At::Path, swallowed: 0 }
    }

    /// Whether a byte is passed on.
    fn keeps(&mut self, byte: u8) -> bool {
        let begins = |byte| if byte == b'&' { Some(0) } else { None };
        let at = match (&self.at, byte) {
            (At::Rest, _) | (_, b'\n') => At::Rest,
            (At::Path, b'?') => At::Query(Some(0)),
            (At::Path, _) => return true,
            // The target ends here, and the version follows.
            (At::Query(_) | At::Value(_), b' ') => At::Rest,
            (At::Query(Some(matched)), _) if byte == PARAMETER[*matched] => match matched + 1 {
                all if all == PARAMETER.len() => At::Value(0),
                some => At::Query(Some(some)),
            },
            (At::Query(_), _) => At::Query(begins(byte)),
            (At::Value(_), b'&') => At::Query(Some(0)),
            (At::Value(kept), _) if *kept < KEPT => At::Value(kept + 1),
            (At::Value(_), _) if self.swallowed < MAX_SWALLOWED => {
                self.swallowed += 1;
                return false;
            }
            (At::Value(_), _) => At::Rest,
        };
        self.at = at;
        true
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for SignatureInUri<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            let before = out.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(context, out))?;
            let came = out.filled().len() - before;
            if matches!(this.at, At::Rest) || came == 0 {
                return Poll::Ready(Ok(()));
            }
            let mut kept = before;
            for at in before..before + came {
                let byte = out.filled()[at];
                if this.keeps(byte) {
                    out.filled_mut()[kept] = byte;
                    kept += 1;
                }
            }
            out.set_filled(kept);
            // Returning no bytes would look like the end of the stream.
            if kept > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for SignatureInUri<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    /// The bytes that come out if the request comes in pieces of this size.
    async fn passed(request: &str, piece: usize) -> String {
        let (mut client, server) = duplex(64 * 1024);
        let bytes = request.as_bytes().to_vec();
        let sent = tokio::spawn(async move {
            for part in bytes.chunks(piece) {
                client.write_all(part).await.expect("taken");
            }
        });
        let mut out = String::new();
        SignatureInUri::new(server).read_to_string(&mut out).await.expect("text");
        sent.await.expect("sent");
        out
    }

    #[tokio::test]
    async fn a_signature_is_cut_and_nothing_else_is_touched() {
        let long = "ab".repeat(49_856);
        let request = |target: &str| {
            format!("GET {target} HTTP/1.1\r\nhost: x?signature={long}\r\n\r\nbody ?signature={long}")
        };
        let cut = &format!("0x{long}")[..KEPT];
        for piece in [1, 7, 4096, 200_000] {
            for (target, expected) in [
                (format!("/backups/0x00?signature=0x{long}"), format!("/backups/0x00?signature={cut}")),
                (format!("/b?a=b&signature=0x{long}&c=d"), format!("/b?a=b&signature={cut}&c=d")),
                (
                    format!("/b?signature=0x{long}&signature=0x{long}"),
                    format!("/b?signature={cut}&signature={cut}"),
                ),
                ("/b?signature=short".to_owned(), "/b?signature=short".to_owned()),
                (format!("/b?xsignature=0x{long}"), format!("/b?xsignature=0x{long}")),
                (format!("/b?signatures=0x{long}"), format!("/b?signatures=0x{long}")),
                (format!("/signature=0x{long}"), format!("/signature=0x{long}")),
                ("/".to_owned(), "/".to_owned()),
            ] {
                assert!(
                    passed(&request(&target), piece).await == request(&expected),
                    "{target:.40} by {piece}"
                );
            }
        }
    }

    proptest! {
        /// All bytes that do not belong to a long value pass, in their order.
        #[test]
        fn only_long_values_are_cut(
            parts in prop::collection::vec(prop_oneof![
                Just("GET /"), Just("?"), Just("&"), Just("signature="), Just(" HTTP/1.1"), Just("\r\n"), Just("aaaaaaaaaaaaaaaaaaaaaaaa"), Just("x"),
            ], 0..12),
        ) {
            let request = parts.concat();
            let mut filter = SignatureInUri::new(());
            let out: String = request.chars().filter(|c| filter.keeps(*c as u8)).collect();
            let line = request.split('\n').next().unwrap_or("");
            let target = line.split(' ').nth(1).unwrap_or("");
            let long = |parameter: &str| parameter.strip_prefix("signature=").is_some_and(|value| value.len() > KEPT);
            let expected_cut = target.split_once('?').map_or(0, |(_, query)| {
                query.split('&').filter(|parameter| long(parameter)).map(|p| p.len() - 10 - KEPT).sum()
            });
            // Only a line with a method and a target is a request; other lines may be cut anyhow.
            if line.starts_with("GET /") && !line["GET /".len()..].starts_with("GET /") && line.matches("GET /").count() == 1 {
                prop_assert_eq!(request.len() - out.len(), expected_cut, "{}", request);
            }
            prop_assert!(out.len() <= request.len());
        }
    }

    #[tokio::test]
    async fn what_is_swallowed_has_a_bound() {
        let endless = format!("GET /?signature={} HTTP/1.1\r\n\r\n", "a".repeat(MAX_SWALLOWED + 1000));
        assert_eq!(passed(&endless, 4096).await.len(), endless.len() - MAX_SWALLOWED);
    }

    /// A body that comes after an answer, such as `100 Continue`, is not taken for a request's
    /// line.
    #[tokio::test]
    async fn only_the_first_line_of_a_connection_is_touched() {
        let (mut client, server) = duplex(64 * 1024);
        let mut server = SignatureInUri::new(server);
        let head = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\ne4\r\n";
        let body = format!("?signature={}&\r\n", "a".repeat(5000));
        for part in [head, &body, &body] {
            client.write_all(part.as_bytes()).await.expect("taken");
            let mut out = vec![0; part.len()];
            // All bytes are there already, so a missing byte shows at once.
            let came = server.read(&mut out).await.expect("read");
            assert!(out[..came] == *part.as_bytes());
            server.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.expect("written");
        }
    }
}
