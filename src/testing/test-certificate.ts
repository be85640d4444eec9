/** An RSA key with a self-signed certificate, as people make one for an application. */
import { crypto as acmeCrypto } from 'acme-client'

export type TestCertificate = { certificatePem: string; privateKeyPem: string }

export async function rsaCertificate(): Promise<TestCertificate> {
  // What proves a name to an ACME server is a self-signed certificate like any other.
  const authorization = {
    identifier: { type: 'dns', value: 'application.example' },
    url: '',
    status: 'pending' as const,
    challenges: [],
  }
  const [key, certificate] = await acmeCrypto.createAlpnCertificate(authorization, 'none')
  return { certificatePem: certificate.toString(), privateKeyPem: key.toString() }
}
