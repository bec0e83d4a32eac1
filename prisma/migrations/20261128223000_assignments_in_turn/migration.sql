-- Assignments are listed in their turn, which is the order of the queue: two of them may carry the same time.
DROP INDEX "Assignment_createdAt_id_idx";
CREATE INDEX "Assignment_turn_idx" ON "Assignment"("turn");
DROP INDEX "Assignment_status_createdAt_id_idx";
CREATE INDEX "Assignment_status_turn_idx" ON "Assignment"("status", "turn");
DROP INDEX "Assignment_poolId_createdAt_id_idx";
CREATE INDEX "Assignment_poolId_turn_idx" ON "Assignment"("poolId", "turn");
DROP INDEX "Assignment_vmType_createdAt_id_idx";
CREATE INDEX "Assignment_vmType_turn_idx" ON "Assignment"("vmType", "turn");
DROP INDEX "Assignment_assignedTo_createdAt_id_idx";
CREATE INDEX "Assignment_assignedTo_turn_idx" ON "Assignment"("assignedTo", "turn");
