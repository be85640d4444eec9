/** The certificate that an application proves itself by, and its private key. */
import { createPrivateKey, X509Certificate } from 'node:crypto'

export type CertificateReading =
  | {
      ok: true
      /** In hex. */
      thumbprintSha256: string
      /** PKCS #8 in PEM, whatever PEM it came in. */
      privateKey: string
    }
  | { ok: false; problem: string }

export function readCertificate(certificatePem: string, privateKeyPem: string): CertificateReading {
  const parsed = parse(certificatePem, privateKeyPem)
  if (parsed === null) {
    return { ok: false, problem: 'The certificate or its private key cannot be read (PEM).' }
  }
  const { certificate, key } = parsed
  if (key.asymmetricKeyType !== 'rsa') return { ok: false, problem: 'The private key must be an RSA key.' }
  if (!certificate.checkPrivateKey(key)) {
    return { ok: false, problem: 'The private key is not the one of the certificate.' }
  }
  const thumbprintSha256 = certificate.fingerprint256.replaceAll(':', '')
  const privateKey = key.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { ok: true, thumbprintSha256, privateKey }
}

function parse(certificatePem: string, privateKeyPem: string) {
  try {
    return { certificate: new X509Certificate(certificatePem), key: createPrivateKey(privateKeyPem) }
  } catch {
    return null // OpenSSL's words help nobody, and may hold parts of the key
  }
}
