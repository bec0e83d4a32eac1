import type { Problem } from '../domain/check.js';
import { examineDatabase } from './examineDatabase.js';

/** What only makes the database worse, for health to say. @throws Error  which names all that it lacks for us, each with its fix. */
export async function refuseUnfit(url: string, connections: number): Promise<Problem[]> {
  const problems = await examineDatabase(url, connections);
  const fatal = problems.filter((problem) => problem.fatal);
  if (fatal.length > 0)
    throw new Error(`the database can't be used. ${fatal.map(({ message, fix }) => `${message}: ${fix}`).join('. ')}`);
  return problems;
}
