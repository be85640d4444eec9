import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { repositoryRoot } from './sources.ts'

const run = promisify(execFile)

/** A stand-in for a checkout whose Node prints where it runs and what it is asked to run. */
async function withCheckout(installed: boolean, use: (root: string) => Promise<void>): Promise<void> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'mailwright launcher ')))
  try {
    await mkdir(join(root, 'bin'))
    await mkdir(join(root, 'node_modules/.bin'), { recursive: true })
    await copyFile(join(repositoryRoot, 'bin/mailwright'), join(root, 'bin/mailwright'))
    const node = join(root, 'node_modules/.bin/node')
    if (installed) {
      await writeFile(node, '#!/bin/sh\npwd\nprintf "<%s>" "$@"\n')
      await chmod(node, 0o755)
    }
    await use(root)
  } finally {
    await rm(root, { recursive: true })
  }
}

test('bin/mailwright finds its Node through symbolic links and keeps directory and arguments', async () => {
  await withCheckout(true, async (root) => {
    await symlink('../../bin/mailwright', join(root, 'node_modules/.bin/relative'))
    await symlink(join(root, 'node_modules/.bin/relative'), join(root, 'absolute'))
    for (const entry of ['bin/mailwright', 'node_modules/.bin/relative', 'absolute']) {
      const { stdout } = await run(join(root, entry), ['serve', 'two words', ''], { cwd: tmpdir() })
      const wanted = `${await realpath(tmpdir())}\n<--max-semi-space-size=16><--heap-growing-percent=50><${root}/src/main.ts><serve><two words><>`
      assert.equal(stdout, wanted, entry)
    }
  })
})

test('bin/mailwright says what to do when nothing is installed', async () => {
  await withCheckout(false, async (root) => {
    await assert.rejects(run(join(root, 'bin/mailwright')), { code: 1, stderr: /run 'npm ci' in / })
  })
})
