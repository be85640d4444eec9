/** `mailwright vault rotate`: a new master key, and everything that is kept sealed again under it. */
import { readFile } from 'node:fs/promises'
import { resealPrivateKeys } from '../domains/reseal.ts'
import { resealPasswords, resealTotpSecrets } from '../mailboxes/reseal.ts'
import { masterKeyFile, openPlatform } from '../open-platform.ts'
import type { Config } from '../platform/config.ts'
import { writeFileDurably } from '../platform/data-directory.ts'
import { newMasterKey } from '../platform/vault.ts'

/**
 * Puts a new key before the old ones in the key file. The old ones stay, so that a backup can still be read. A
 * key that comes from MAILWRIGHT_MASTER_KEY is changed there by its owner; this then seals again.
 */
export async function rotateMasterKey(config: Config): Promise<void> {
  if (config.masterKey === null) {
    await openAndClose(config) // holds the lock of the data directory, and makes the first key if there is none
    const path = masterKeyFile(config)
    await writeFileDurably(path, `${newMasterKey()}\n${await readFile(path, 'utf8')}`)
  }
  await using opened = await openPlatform(config)
  const passwords = await resealPasswords(opened.platform)
  const keys = await resealPrivateKeys(opened.platform)
  const secrets = await resealTotpSecrets(opened.platform)
  const under = `under the key ${opened.platform.vault.keyId}`
  process.stdout.write(
    `Sealed ${passwords} passwords, ${keys} private keys and ${secrets} TOTP secrets ${under}.\n`,
  )
}

async function openAndClose(config: Config): Promise<void> {
  await using opened = await openPlatform(config)
  opened.platform.log.debug({ event: 'vault.ready' })
}
