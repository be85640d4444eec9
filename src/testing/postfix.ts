/** A real Postfix of a test's own: its configuration, queue and data under a temporary directory, started as root. */
import { execFile } from 'node:child_process'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePorts } from './free-ports.ts'
import { temporaryDirectory } from './test-database.ts'

const run = promisify(execFile)

/** Takes mail for everyone from this machine and passes it on to a port of this machine. It goes with the stack. */
export async function startPostfix(stack: AsyncDisposableStack, nextPort: number): Promise<{ port: number }> {
  const directory = await temporaryDirectory(stack)
  await chmod(directory, 0o755)
  const [config, queue, data] = ['config', 'queue', 'data'].map((name) => join(directory, name))
  if (!config || !queue || !data) throw new Error('three names give three paths')
  for (const path of [config, queue, data]) await mkdir(path)
  await run('chown', ['postfix', data])
  const [port = 0] = await freePorts(1)
  await writeFile(join(config, 'main.cf'), mainCf({ directory, queue, data, nextPort }))
  await writeFile(join(config, 'master.cf'), masterCf(port))
  await run('postfix', ['-c', config, 'start'])
  stack.defer(async () => void (await run('postfix', ['-c', config, 'stop'])))
  return { port }
}

function mainCf(paths: { directory: string; queue: string; data: string; nextPort: number }): string {
  return `compatibility_level = 3.6
queue_directory = ${paths.queue}
data_directory = ${paths.data}
maillog_file = ${join(paths.directory, 'maillog')}
maillog_file_prefixes = ${paths.directory}
myhostname = postfix.example
mydestination =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:${paths.nextPort}
smtp_tls_security_level = none
`
}

function masterCf(port: number): string {
  const services = [
    'cleanup unix n - n - 0 cleanup',
    'qmgr unix n - n 300 1 qmgr',
    'rewrite unix - - n - - trivial-rewrite',
  ]
  const plain = [
    'bounce',
    'defer:bounce',
    'trace:bounce',
    'verify',
    'smtp',
    'relay:smtp',
    'error',
    'retry:error',
    'anvil',
    'scache',
  ]
  const internal = plain.map((name) => {
    const [service, program = service] = name.split(':')
    return `${service} unix - - n - ${service === 'anvil' || service === 'scache' ? 1 : '-'} ${program}`
  })
  return [
    `127.0.0.1:${port} inet n - n - - smtpd`,
    ...services,
    ...internal,
    'proxymap unix - - n - - proxymap',
    'postlog unix-dgram n - n - 1 postlogd',
    '',
  ].join('\n')
}
