/**
 * Channel bindings (RFC 5056): what both ends of one TLS connection, and nobody between them, know of it. SCRAM's -PLUS
 * mechanisms mix it into their proofs.
 */
import { createHash, type X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'

/**
 * By RFC 9266 and RFC 5929. tls-unique is not among them: it is not defined for TLS 1.3, and before that it is only
 * safe together with RFC 7627.
 */
export type ChannelBindingType = 'tls-exporter' | 'tls-server-end-point'

export type ChannelBindings = ReadonlyMap<string, Buffer>

const exporterBytes = 32

/** The channel bindings of a connection on the server's side, by their types' names. */
export function channelBindingsOf(socket: TLSSocket): ChannelBindings {
  const bindings = new Map<ChannelBindingType, Buffer>()
  // RFC 9266 §3: before TLS 1.3 only with the extended master secret, which cannot be seen from here.
  if (socket.getProtocol() === 'TLSv1.3') {
    const exported = socket.exportKeyingMaterial(exporterBytes, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
    bindings.set('tls-exporter', exported)
  }
  const certificate = socket.getX509Certificate()
  const endPoint = certificate === undefined ? null : serverEndPoint(certificate)
  if (endPoint !== null) bindings.set('tls-server-end-point', endPoint)
  return bindings
}

/**
 * RFC 5929 §4.1: the certificate's digest by the hash of its signature, where MD5 and SHA-1 give way to SHA-256.
 * @returns null for a signature without a hash of its own (Ed25519), for which the type is not defined.
 */
export function serverEndPoint(
  certificate: Pick<X509Certificate, 'raw' | 'signatureAlgorithm'>,
): Buffer | null {
  const name = /(?:md5|sha-?(?:1|224|256|384|512))(?!\d)/i.exec(certificate.signatureAlgorithm ?? '')?.[0]
  if (name === undefined) return null
  const hash = name.toLowerCase().replace('-', '')
  return createHash(hash === 'md5' || hash === 'sha1' ? 'sha256' : hash)
    .update(certificate.raw)
    .digest()
}
