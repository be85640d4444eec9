/** The data directory, the master key and the certificate. */
import { X509Certificate } from 'node:crypto'
import { access, constants, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { masterKeyFile } from '../../open-platform.ts'
import type { Config } from '../../platform/config.ts'
import { createVault } from '../../platform/vault.ts'
import { type Finding, fail, ok, warn, why } from './check.ts'

/** What others than the owner may do. */
const othersWrite = 0o022
const othersAnything = 0o077

export async function checkDataDirectory({ dataDir }: Config): Promise<Finding[]> {
  const subject = 'data directory'
  const found = await stat(dataDir).catch(() => null)
  if (found === null) {
    const parent = await firstParent(dataDir)
    return (await isWritable(parent))
      ? [ok(subject, `${dataDir} is made by the first start`)]
      : [fail(subject, `${dataDir} is not there and ${parent} cannot be written to; change its owner`)]
  }
  if (!found.isDirectory())
    return [fail(subject, `${dataDir} is not a directory; MAILWRIGHT_DATA_DIR names it`)]
  if (!(await isWritable(dataDir))) {
    return [fail(subject, `${dataDir} cannot be written to by this account; change its owner`)]
  }
  return (found.mode & othersWrite) === 0
    ? [ok(subject, `${dataDir} is ours alone to write to`)]
    : [warn(subject, `others may write to ${dataDir}; chmod go-w ${dataDir}`)]
}

async function firstParent(path: string): Promise<string> {
  const parent = dirname(path)
  return parent === path || (await stat(parent).catch(() => null)) !== null
    ? parent
    : await firstParent(parent)
}

async function isWritable(path: string): Promise<boolean> {
  return await access(path, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  )
}

/** @param neededId the key that the database is sealed under, when that is known. */
export async function checkMasterKey(config: Config, neededId: string | null): Promise<Finding[]> {
  const subject = 'master key'
  const file = masterKeyFile(config)
  const source = config.masterKey === null ? file : 'MAILWRIGHT_MASTER_KEY'
  const text = config.masterKey ?? (await readFile(file, 'utf8').catch(() => null))
  if (text === null) {
    return (await stat(file).catch(() => null)) !== null
      ? [fail(subject, `${file} cannot be read by this account; change its owner`)]
      : neededId === null
        ? [ok(subject, `${file} is made by the first start; keep a copy with your backups`)]
        : [
            fail(
              subject,
              `the database is sealed under the key ${neededId}, but ${file} is not there; restore it`,
            ),
          ]
  }
  try {
    const { keyIds } = createVault(text)
    if (neededId !== null && !keyIds.has(neededId)) {
      return [
        fail(subject, `the database is sealed under the key ${neededId}, which ${source} does not have`),
      ]
    }
  } catch (error) {
    return [fail(subject, `${source} has no usable key (${why(error)}); restore it from a backup`)]
  }
  const mode = config.masterKey === null ? (await stat(file)).mode & 0o777 : 0
  return (mode & othersAnything) === 0
    ? [ok(subject, `${source} opens what is sealed`)]
    : [warn(subject, `others may read ${file}; chmod 600 ${file}`)]
}

const renewBeforeDays = 14

export async function checkCertificate(config: Config, now: Date = new Date()): Promise<Finding[]> {
  const subject = 'certificate'
  const file = config.tlsCertFile ?? join(config.dataDir, 'tls', 'self-signed.cert.pem')
  const pem = await readFile(file).catch(() => null)
  if (pem === null) {
    return config.tlsCertFile === null
      ? [warn(subject, 'a self-signed one is made by the first start; clients will not trust it')]
      : [fail(subject, `${file} cannot be read; MAILWRIGHT_TLS_CERT_FILE names it`)]
  }
  try {
    return [judge(new X509Certificate(pem), file, config, now)]
  } catch (error) {
    return [fail(subject, `${file} is not a certificate (${why(error)})`)]
  }
}

function judge(certificate: X509Certificate, file: string, { hostname }: Config, now: Date): Finding {
  const subject = 'certificate'
  const { validFromDate, validToDate } = certificate
  const until = validToDate.toISOString().slice(0, 10)
  if (validToDate <= now) return fail(subject, `${file} ended on ${until}; renew it`)
  if (validFromDate > now) return fail(subject, `${file} is not valid yet; is the clock right?`)
  if (certificate.checkHost(hostname) === undefined) {
    return fail(subject, `${file} is not for ${hostname}; get one that is, or set MAILWRIGHT_HOSTNAME`)
  }
  if (validToDate.getTime() - now.getTime() < renewBeforeDays * 86_400_000) {
    return warn(subject, `${file} ends on ${until}; renew it soon`)
  }
  const isSelfSigned = certificate.issuer === certificate.subject && certificate.verify(certificate.publicKey)
  return isSelfSigned
    ? warn(subject, `valid until ${until}, but self-signed: clients will not trust it`)
    : ok(subject, `${file} is for ${hostname}, until ${until}`)
}
