/** The certificate that the listeners show: the configured one, else a generated one. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { Config } from './config.ts'
import { loadOrCreateCertificate } from './self-signed-certificate.ts'

export type TlsMaterial = { keyPem: string; certPem: string }

/** @throws with one clear sentence when the configured files cannot be read or do not belong together. */
export async function loadTls(config: Config, now: Date): Promise<TlsMaterial> {
  if (config.tlsCertFile === null || config.tlsKeyFile === null) {
    return await loadOrCreateCertificate({
      directory: join(config.dataDir, 'tls'),
      hostname: config.hostname,
      now,
    })
  }
  try {
    const [certPem, keyPem] = await Promise.all([
      readFile(config.tlsCertFile, 'utf8'),
      readFile(config.tlsKeyFile, 'utf8'),
    ])
    createSecureContext({ cert: certPem, key: keyPem })
    return { certPem, keyPem }
  } catch (cause) {
    throw new Error(`the TLS certificate ${config.tlsCertFile} and its key cannot be used`, { cause })
  }
}
